"""The database of most commands, opened and up to date."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import sqlalchemy as sa

from app.settings import Settings, load_settings
from app.store.session import check_schema, make_engine, upgrade


def open_store(settings: Settings) -> sa.Engine:
    """The database's engine, its schema up to date.

    The default SQLite file is the program's own, so it is made and upgraded here. A database the
    user named is theirs: it is only checked.

    Raises:
        SchemaError: the named database needs `hedgescope db upgrade`.
    """
    if settings.database_url is None:
        upgrade(settings.resolved_database_url)
    engine = make_engine(settings.resolved_database_url, pool_size=settings.database_pool_size)
    try:
        check_schema(engine)
    except BaseException:
        engine.dispose()
        raise
    return engine


@contextmanager
def opened_store() -> Iterator[sa.Engine]:
    """As `open_store`, with the settings of this process; its connections are closed at the end."""
    engine = open_store(load_settings())
    try:
        yield engine
    finally:
        engine.dispose()

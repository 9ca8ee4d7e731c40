"""The database of most commands, opened and up to date."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import sqlalchemy as sa
from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError

from app.cli.console import errors
from app.errors import StoreError
from app.settings import Settings, load_settings
from app.store.explain import database_place
from app.store.read_only import file_of
from app.store.session import check_schema, is_empty, make_engine, upgrade


def open_store(settings: Settings, *, writes: bool = False) -> sa.Engine:
    """The database's engine, its schema up to date.

    The default SQLite file is the program's own, so it is made and upgraded here. A database the
    user named is theirs: an empty one gets its tables from the first command that writes, which says so; others are
    only checked.

    Args:
        writes: whether the command stores something.

    Raises:
        SchemaError: the named database needs `hedgescope db upgrade`.
        StoreError: it is a file that is not there, and nothing is to be stored.
    """
    url = settings.resolved_database_url
    if settings.database_url is None:
        upgrade(url)
    elif writes and is_empty(url):
        upgrade(url)
        place = database_place(make_url(url)).private
        errors.print(f"made the tables in the {place}", markup=False, highlight=False, soft_wrap=True)
    elif not writes:
        _check_is_there(url)
    engine = make_engine(settings.resolved_database_url, pool_size=settings.database_pool_size)
    try:
        check_schema(engine)
    except BaseException:
        engine.dispose()
        raise
    return engine


def _check_is_there(url: str) -> None:
    """Refuse to read an SQLite file that is not there: opening it would leave an empty one behind."""
    try:
        parsed = make_url(url)
    except ArgumentError:
        return  # opening it says what is wrong
    path = file_of(parsed)
    if path is not None and not path.exists():
        raise StoreError(
            "there is no such file; check the path, or make it with `hedgescope db upgrade` or a command that stores "
            "something, such as `hedgescope sae add`",
            place=database_place(parsed),
        )


@contextmanager
def opened_store(*, writes: bool = False) -> Iterator[sa.Engine]:
    """As `open_store`, with the settings of this process; its connections are closed at the end."""
    engine = open_store(load_settings(), writes=writes)
    try:
        yield engine
    finally:
        engine.dispose()

"""A database for one experiment."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Engine

from app.store.session import make_engine, upgrade


@contextmanager
def scratch_database(folder: Path) -> Iterator[Engine]:
    """An empty SQLite database in a folder; closed at the end, its file stays."""
    url = f"sqlite:///{folder / 'scratch.db'}"
    upgrade(url)
    engine = make_engine(url)
    try:
        yield engine
    finally:
        engine.dispose()

"""Giving disk space back after something was removed."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from sqlalchemy import Connection, Engine, text

from app.errors import StoreError
from app.store.parts import PARTS
from app.store.session import is_sqlite, maintaining, writing
from app.store.tables import comparisons

FREE_CHUNK = 4000
"""Pages a transaction, 16 MB: others that write wait for no longer."""

MOVED_AT_ONCE = 1 << 17
"""Pages in use, 0.5 GB, that one transaction may move: others that write wait for some seconds."""

TABLES_SIZE = """
    SELECT sum(pg_total_relation_size(oid)) FROM pg_class
    WHERE relkind = 'r' AND relnamespace = current_schema()::regnamespace
"""

OWNED = ", ".join(table.name for table in (comparisons, *(part.table for part in PARTS)))


def give_back(engine: Engine) -> None:
    """Return free space to the disk, without blocking others for long.

    SQLite: the file shrinks by its free pages (one made by an older version needs `compact` once). PostgreSQL: free
    space is used again for the next rows, and its part at the end of a table goes back to the disk.

    Raises:
        StoreError: the database failed.
    """
    if is_sqlite(engine):
        _free_at_once(engine)
        while _free_some(engine):
            pass
        _shorten_log(engine)
    else:
        _vacuum(engine, "ANALYZE")


def compact(engine: Engine) -> None:
    """Rewrite the whole database without gaps; this blocks other writes, and on PostgreSQL reads too.

    Needs as much free disk space as the database will take.

    Raises:
        StoreError: the database failed, or the disk is full; nothing is lost then.
    """
    if is_sqlite(engine):
        with maintaining(engine) as connection:
            # For a file that was made by a version without it.
            connection.exec_driver_sql("PRAGMA auto_vacuum = INCREMENTAL")
            connection.exec_driver_sql("VACUUM")
        _shorten_log(engine)
    else:
        _vacuum(engine, "FULL, ANALYZE")


def analyze(engine: Engine) -> None:
    """Tell PostgreSQL's planner how many rows there are now; it would notice by itself after a minute."""
    if not is_sqlite(engine):
        with maintaining(engine) as connection:
            connection.exec_driver_sql(f"ANALYZE {OWNED}")


def make_room(engine: Engine) -> None:
    """Free enough of a full disk to write a few rows: move SQLite's log into the database file and truncate it.

    The log holds a page once for each change, the file holds it once. Does nothing on PostgreSQL, or where the database
    can't be reached.
    """
    if is_sqlite(engine):
        with suppress(StoreError):
            _shorten_log(engine)


def size_in_bytes(engine: Engine) -> int:
    """What the database takes on disk: SQLite's file, or PostgreSQL's tables with their indexes."""
    with maintaining(engine) as connection:
        if is_sqlite(engine):
            return _pragma(connection, "page_count") * _pragma(connection, "page_size")
        return int(connection.execute(text(TABLES_SIZE)).scalar_one())


def _free_at_once(engine: Engine) -> None:
    """Cut off all free pages in one transaction, unless it would have to move many pages that are in use.

    `incremental_vacuum` looks for each page in the list of all free ones, so that its time grows with their square:
    twenty minutes for 3 GB. A commit in the mode FULL drops the list as a whole.
    """
    with maintaining(engine) as connection:
        n_free, n_pages = _pragma(connection, "freelist_count"), _pragma(connection, "page_count")
        # A file that was made by a version without it can't shrink.
        if not _pragma(connection, "auto_vacuum") or min(n_free, n_pages - n_free) > MOVED_AT_ONCE:
            return
        try:
            connection.exec_driver_sql("PRAGMA auto_vacuum = FULL")
        finally:
            connection.exec_driver_sql("PRAGMA auto_vacuum = INCREMENTAL")


def _free_some(engine: Engine) -> bool:
    """Cut off some free pages; whether there were any and they could be."""
    with writing(engine) as connection:
        before = _pragma(connection, "freelist_count")
        if before:
            # The driver's own cursor: a page is freed for each "row", of which SQLAlchemy would ask for one only.
            driver: Any = connection.connection.driver_connection
            driver.execute(f"PRAGMA incremental_vacuum({FREE_CHUNK})").fetchall()
        return _pragma(connection, "freelist_count") < before


def _shorten_log(engine: Engine) -> None:
    # The file itself changes when the log is brought into it. Where somebody reads just now, a later writer does it.
    with maintaining(engine) as connection:
        connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)").all()


def _vacuum(engine: Engine, options: str) -> None:
    with maintaining(engine) as connection:
        connection.exec_driver_sql(f"VACUUM ({options}) {OWNED}")


def _pragma(connection: Connection, name: str) -> int:
    return int(connection.exec_driver_sql(f"PRAGMA {name}").scalar_one())

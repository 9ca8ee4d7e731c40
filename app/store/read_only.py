"""SQLite files that can only be read: on a read-only disk, or without the right to write."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

from sqlalchemy import URL

READ_ONLY = "the database can only be read here; pages and API work, but nothing can be stored"


def is_read_only(url: URL) -> bool:
    """Whether a database is an SQLite file that is there and can't be written by this process."""
    path = file_of(url)
    return path is not None and path.is_file() and not (os.access(path, os.W_OK) and os.access(path.parent, os.W_OK))


def file_of(url: URL) -> Path | None:
    """The file of an SQLite database; None for a server, for memory, and for an address that SQLite reads itself."""
    database = url.database
    if url.get_backend_name() != "sqlite" or not database or database == ":memory:" or database.startswith("file:"):
        return None
    return Path(database)


def reader(path: Path, timeout_s: float) -> Callable[[], sqlite3.Connection]:
    """What opens such a file.

    A file with a write-ahead log needs the log's index next to it, which can't be made here: without a log that still
    holds something, the file is taken for one that never changes.
    """
    log = path.with_name(f"{path.name}-wal")
    has_log = log.is_file() and log.stat().st_size > 0
    address = f"file:{quote(str(path.resolve()))}?mode=ro{'' if has_log else '&immutable=1'}"

    def connect() -> sqlite3.Connection:
        return sqlite3.connect(address, timeout=timeout_s, uri=True, check_same_thread=False)

    return connect

"""Invisible comparisons: those being written, and those being removed.

Rows are added in short transactions, so that other writers need not wait for a whole comparison, and the last one shows
it. A writer that was killed leaves rows that stay unseen; the next writer on the same machine, or any writer after
`ABANDONED_AFTER`, takes them away.
"""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

from sqlalchemy import Connection, Engine, Table, delete, insert, select, tuple_, update

from app.errors import StoreError
from app.records import ComparisonSummary
from app.store.bulk import Values, insert_rows
from app.store.counts import keep_counts
from app.store.parts import PARTS, Part
from app.store.payloads import to_json
from app.store.session import is_sqlite, reading, writing
from app.store.sort_indexes import drop_sort_indexes, is_most, restore_sort_indexes
from app.store.tables import INTERVENTION_TABLES, comparisons, published

ABANDONED_AFTER = timedelta(hours=1)
"""Far longer than a live writer takes from one step to the next."""

REMOVE_CHUNK = 10_000

Within = Callable[[Connection], None]
"""Something to do in the same transaction; what it raises undoes all of it."""

_mine: set[str] = set()
"""Tokens of the stagings that this process is at."""


@dataclass(frozen=True)
class Staging:
    """A comparison that is being written.

    Attributes:
        id: its key.
        summary: shown at the end.
    """

    id: int
    summary: ComparisonSummary


@contextmanager
def staging(engine: Engine, summary: ComparisonSummary) -> Iterator[Staging]:
    """A comparison that stays invisible until `publish`; an error before that removes its rows."""
    token = uuid4().hex
    _mine.add(token)
    try:
        staged = Staging(_insert(engine, summary, token), summary)
        try:
            yield staged
        except BaseException as error:
            _remove_after(engine, staged.id, error)
            raise
    finally:
        _mine.discard(token)


def _insert(engine: Engine, summary: ComparisonSummary, token: str) -> int:
    row = {
        "slug": f"{summary.slug}~{token}",
        "name": summary.name,
        "content_hash": summary.content_hash,
        "created_at": summary.created_at,
        "summary": to_json(summary),
        "staged_at": datetime.now(UTC),
        "staged_by": f"{_machine()} {os.getpid()} {token}",
    }
    with writing(engine) as connection:
        return int(connection.execute(insert(comparisons).values(row).returning(comparisons.c.id)).scalar_one())


def _remove_after(engine: Engine, comparison_id: int, error: BaseException) -> None:
    # Where this fails too (the disk is still full, the server is away), the next writer finds the rows.
    try:
        remove_rows(engine, comparison_id)
    except StoreError as second:
        error.add_note(f"its invisible rows stay until the next comparison is stored: {second}")


def add_rows(engine: Engine, staged: Staging, part: Part, rows: list[Values]) -> None:
    """Add rows of one part, in one transaction. Raises StoreError, also if the staging was considered abandoned."""
    with writing(engine) as connection:
        _touch(connection, staged, staged_at=datetime.now(UTC))
        insert_rows(connection, part.all_columns, [(staged.id, *values) for values in rows])


def publish(engine: Engine, staged: Staging, within: Within | None) -> None:
    """Show the comparison under its slug; `within` is called first, in the same transaction.

    Raises:
        StoreError: the slug is taken by now, or the staging was considered abandoned.
    """
    with writing(engine) as connection:
        if within is not None:
            within(connection)
        keep_counts(connection, staged.id)
        _touch(connection, staged, staged_at=None, staged_by=None, slug=staged.summary.slug)


def _touch(connection: Connection, staged: Staging, **values: object) -> None:
    mine = update(comparisons).where(comparisons.c.id == staged.id, ~published)
    if connection.execute(mine.values(values)).rowcount == 0:
        raise StoreError(
            f"storing {staged.summary.slug!r} took too long, and another process removed it; nothing was stored; "
            "do it again"
        )


def hide(connection: Connection, comparison_id: int) -> None:
    """Make a published comparison unseen, as the first step of its removal."""
    token = uuid4().hex
    values = {
        "slug": f"~{token}",
        "staged_at": datetime.now(UTC),
        "staged_by": f"{_machine()} {os.getpid()} {token}",
    }
    connection.execute(update(comparisons).where(comparisons.c.id == comparison_id).values(values))


def remove_rows(engine: Engine, comparison_id: int) -> None:
    """Remove an invisible comparison with all its rows; on SQLite in steps, since others wait meanwhile."""
    if is_sqlite(engine):
        if is_most(engine, comparison_id):
            drop_sort_indexes(engine)
        for table in (*INTERVENTION_TABLES, *(part.table for part in PARTS)):
            while _remove_some(engine, table, comparison_id):
                pass
        # Also what a removal that was killed had dropped: its comparison is still there, so this comes again.
        restore_sort_indexes(engine)
    with writing(engine) as connection:
        connection.execute(delete(comparisons).where(comparisons.c.id == comparison_id, ~published))


def _remove_some(engine: Engine, table: Table, comparison_id: int) -> bool:
    """Remove up to `REMOVE_CHUNK` rows; whether there were any."""
    key = list(table.primary_key.columns)
    some = select(*key).where(table.c.comparison_id == comparison_id).limit(REMOVE_CHUNK)
    with writing(engine) as connection:
        return connection.execute(delete(table).where(tuple_(*key).in_(some))).rowcount > 0


def remove_abandoned(engine: Engine) -> int:
    """Remove what killed writers and killed removals left behind; returns how many there were."""
    staged = select(comparisons.c.id, comparisons.c.staged_at, comparisons.c.staged_by).where(~published)
    with reading(engine) as connection:
        abandoned = [key for key, at, by in connection.execute(staged) if _is_abandoned(at, by)]
    for key in abandoned:
        remove_rows(engine, key)
    return len(abandoned)


def _is_abandoned(staged_at: datetime, staged_by: str) -> bool:
    machine, pid, token = staged_by.rsplit(" ", 2)
    if machine == _machine():
        if int(pid) == os.getpid():
            return token not in _mine
        if not _is_alive(int(pid)):
            return True
    return datetime.now(UTC) - staged_at > ABANDONED_AFTER


def _machine() -> str:
    """Where process numbers mean the same: containers may share a host's name, but not its numbers."""
    numbers = Path("/proc/self/ns/pid")
    return f"{socket.gethostname()} {numbers.readlink() if numbers.is_symlink() else ''}"


def _is_alive(pid: int) -> bool:
    if sys.platform == "win32":
        return True
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True

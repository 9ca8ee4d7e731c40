"""How long readers wait: a time limit for each look into the database, and an end to those nobody waits for."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from app.errors import QueryStoppedError

STEPS = 20_000
"""Instructions of SQLite between two looks at the clock: about a millisecond."""


class Patience:
    """What one client waits for.

    Args:
        limit_s: seconds that one look into the database may take.
    """

    def __init__(self, limit_s: float) -> None:
        self.limit_s = limit_s
        self.is_over = False
        self._lock = threading.Lock()
        self._running: set[Callable[[], object]] = set()

    def end(self) -> None:
        """Stop what runs now, and whatever begins later: the client has left. Safe from any thread."""
        with self._lock:
            self.is_over = True
            for stop in self._running:
                stop()

    @contextmanager
    def stopped_by(self, stop: Callable[[], object]) -> Iterator[None]:
        """Within the block, `end` calls `stop`. Raises QueryStoppedError where the client has left already."""
        with self._lock:
            if self.is_over:
                raise _left()
            self._running.add(stop)
        try:
            yield
        finally:
            with self._lock:
                self._running.discard(stop)


_current: ContextVar[Patience | None] = ContextVar("patience", default=None)


@contextmanager
def patience(wanted: Patience) -> Iterator[None]:
    """Readers in this context, and in threads started from it, obey `wanted`."""
    token = _current.set(wanted)
    try:
        yield
    finally:
        _current.reset(token)


@contextmanager
def obeyed(connection: Connection) -> Iterator[None]:
    """A block of queries on `connection` that ends when the patience of this context does.

    Raises:
        QueryStoppedError: the time is over, or the client has left.
    """
    wanted = _current.get()
    if wanted is None:
        yield
        return
    watch = _watch_sqlite if connection.dialect.name == "sqlite" else _watch_postgresql
    started = time.monotonic()
    try:
        with watch(connection, wanted):
            yield
    except DBAPIError as error:
        if wanted.is_over:
            raise _left() from error
        if _was_stopped(error) and time.monotonic() - started >= 0.9 * wanted.limit_s:
            raise _took_too_long(wanted.limit_s) from error
        raise


@contextmanager
def _watch_sqlite(connection: Connection, wanted: Patience) -> Iterator[None]:
    driver: Any = connection.connection.driver_connection
    deadline = time.monotonic() + wanted.limit_s
    with wanted.stopped_by(_nothing):
        driver.set_progress_handler(lambda: wanted.is_over or time.monotonic() > deadline, STEPS)
        try:
            yield
        finally:
            driver.set_progress_handler(None, 0)


@contextmanager
def _watch_postgresql(connection: Connection, wanted: Patience) -> Iterator[None]:
    driver: Any = connection.connection.driver_connection
    with wanted.stopped_by(driver.cancel):
        connection.exec_driver_sql(f"SET LOCAL statement_timeout = {max(1, round(1000 * wanted.limit_s))}")
        yield


def _nothing() -> None:
    """SQLite looks by itself whether to stop."""


def _was_stopped(error: DBAPIError) -> bool:
    return getattr(error.orig, "sqlstate", None) == "57014" or "interrupted" in str(error.orig)


def _left() -> QueryStoppedError:
    return QueryStoppedError("the client has left", is_late=False)


def _took_too_long(limit_s: float) -> QueryStoppedError:
    return QueryStoppedError(
        f"the database needs more than {limit_s:g} s for this; ask for less: a rarer word, fewer conditions, or an "
        "order that has one of the conditions",
        is_late=True,
    )

"""The database's clock, moved by tests."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Engine, event

from app.jobs.clock import database_now


class DatabaseClock:
    """The clock as every statement of one engine reads it; other processes keep reading the true one."""

    def __init__(self, engine: Engine) -> None:
        self._now = str(database_now().compile(dialect=engine.dialect))
        self._ahead_s = 0.0
        event.listen(engine, "before_cursor_execute", self._shift, retval=True)

    def advance(self, seconds: float) -> None:
        """Let so much time pass."""
        self._ahead_s += seconds

    def _shift(self, _connection: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> tuple[str, Any]:
        return statement.replace(self._now, f"({self._now} + {self._ahead_s})"), parameters

"""Queries that end when their time is over, or when their client has left."""

from __future__ import annotations

import threading
import time

import pytest
from sqlalchemy import Engine, text

from app.errors import QueryStoppedError, StoreError
from app.store.patience import Patience, patience
from app.store.session import reading

LONG = {
    "sqlite": "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n LIMIT 400000000) SELECT sum(x) FROM n",
    "postgresql": "SELECT pg_sleep(60)",
}
"""A minute of work."""


def work(engine: Engine) -> None:
    with reading(engine) as connection:
        connection.execute(text(LONG[engine.dialect.name])).scalar()


def test_a_query_ends_when_its_time_is_over(readable: Engine) -> None:
    started = time.monotonic()
    with patience(Patience(0.3)), pytest.raises(QueryStoppedError, match=r"needs more than 0\.3 s") as found:
        work(readable)
    assert found.value.is_late
    assert 0.25 < time.monotonic() - started < 10


def test_a_query_ends_when_its_client_leaves(readable: Engine) -> None:
    wanted = Patience(60)
    timer = threading.Timer(0.3, wanted.end)
    started = time.monotonic()
    timer.start()
    with patience(wanted), pytest.raises(QueryStoppedError) as found:
        work(readable)
    assert not found.value.is_late
    assert time.monotonic() - started < 10


def test_nothing_begins_for_a_client_that_has_left(readable: Engine) -> None:
    wanted = Patience(60)
    wanted.end()
    with patience(wanted), pytest.raises(QueryStoppedError), reading(readable):
        pytest.fail("a query began")


def test_the_connection_is_as_before_afterwards(readable: Engine) -> None:
    """Connections are used again by others, who may have more time."""
    with patience(Patience(0.05)), pytest.raises(QueryStoppedError):
        work(readable)
    started = time.monotonic()
    with reading(readable) as connection:
        count = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n WHERE x < 999999) SELECT max(x) FROM n"
        assert connection.execute(text(count)).scalar() == 999_999
    assert time.monotonic() - started > 0.05


def test_other_errors_keep_their_meaning(readable: Engine) -> None:
    with patience(Patience(60)), pytest.raises(StoreError) as found, reading(readable) as connection:
        connection.execute(text("SELECT 1 FROM nowhere"))
    assert not isinstance(found.value, QueryStoppedError)

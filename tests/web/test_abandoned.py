"""Reads that clients leave, and reads that take too long, do not hold up the next page."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from sqlalchemy import Engine, event

from app.settings import Settings
from app.store.session import make_engine
from app.web.main import create_app
from tests.live.conftest import served

ENDLESS = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT max(x) FROM n"
SLOW = "latents?max_activation__gt=0"
"""Its query never ends by itself."""


@pytest.fixture
def slow_site(site: tuple[Settings, Engine]) -> Iterator[str]:
    """The pages over a database that needs for ever to compare activations."""
    settings, _ = site
    engine = make_engine(settings.resolved_database_url)

    def slower(_connection: Any, _cursor: Any, statement: str, values: Any, _context: Any, _many: bool) -> Any:
        return (ENDLESS, ()) if "max_activation >" in statement else (statement, values)

    event.listen(engine, "before_cursor_execute", slower, retval=True)
    with served(create_app(settings.model_copy(update={"query_timeout_s": 3}), engine)) as url:
        yield url
    engine.dispose()


def leave(url: str, path: str) -> None:
    """Send a request, and close the connection."""
    host, port = urlsplit(url).hostname, urlsplit(url).port
    with socket.create_connection((host, port), timeout=30) as connection:
        connection.sendall(f"GET {path} HTTP/1.1\r\nHost: {host}:{port}\r\n\r\n".encode())
        time.sleep(0.02)


def test_twelve_abandoned_reads_do_not_delay_the_next(slow_site: str, slug: str) -> None:
    for _ in range(12):
        leave(slow_site, f"/api/v1/comparisons/{slug}/{SLOW}")
    started = time.monotonic()
    assert httpx.get(f"{slow_site}/api/v1/comparisons/{slug}/levels", timeout=60).status_code == 200
    assert time.monotonic() - started < 0.5


def test_clients_that_leave_together_free_the_threads_that_they_occupy(slow_site: str, slug: str) -> None:
    host, port = urlsplit(slow_site).hostname, urlsplit(slow_site).port
    path = f"/api/v1/comparisons/{slug}/{SLOW}"
    opened = [socket.create_connection((host, port), timeout=30) for _ in range(12)]
    for connection in opened:
        connection.sendall(f"GET {path} HTTP/1.1\r\nHost: {host}:{port}\r\n\r\n".encode())
    time.sleep(0.5)
    for connection in opened:
        connection.close()
    started = time.monotonic()
    assert httpx.get(f"{slow_site}/api/v1/comparisons/{slug}/levels", timeout=60).status_code == 200
    assert time.monotonic() - started < 0.5


@pytest.mark.slow
@pytest.mark.parametrize("path", ["/api/v1/comparisons/{}/", "/c/{}/"])
def test_a_read_that_takes_too_long_is_refused_in_words(slow_site: str, slug: str, path: str) -> None:
    answer = httpx.get(f"{slow_site}{path.format(slug)}{SLOW}", timeout=60)
    assert (answer.status_code, answer.headers["content-type"]) == (503, "application/problem+json")
    assert answer.json()["type"].endswith(":time-limit")
    assert "more than 3 s" in answer.json()["detail"]

"""Hostile requests find no fault in the server, and the search for faults finds one that is there."""

from __future__ import annotations

import asyncio

import pytest

from app.settings import Settings
from app.store.session import make_engine, upgrade
from app.store.write import write_comparison
from app.web.main import create_app
from bench import hostile
from tests.builders import make_bundle
from tests.live.conftest import served

pytestmark = pytest.mark.slow


def test_the_server_stands_them(tmp_path: object, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hostile, "PATIENT_S", 0.5)
    settings = Settings(database_url=f"sqlite:///{tmp_path}/x.db")
    upgrade(settings.resolved_database_url)
    engine = make_engine(settings.resolved_database_url)
    bundle = make_bundle()
    write_comparison(engine, bundle)
    with served(create_app(settings, engine)) as url:
        found = asyncio.run(hostile.attack(url, bundle.summary.slug, range(400)))
    engine.dispose()
    assert found.faults == []
    assert sum(found.statuses.values()) == 400
    assert {"200", "400", "404", "405", "421"} <= set(found.statuses)


def test_requests_are_the_same_each_time() -> None:
    first, again = ([hostile.request_of(number, "x", "h") for number in range(50)] for _ in range(2))
    assert first == again
    assert len(set(first)) == 50


PROBLEM = b"HTTP/1.1 400 x\r\nContent-Type: application/problem+json\r\n\r\n"


@pytest.mark.parametrize(
    ("status", "answer", "fault"),
    [
        ("500", b"HTTP/1.1 500 x\r\n\r\n", "status 500"),
        ("400", PROBLEM + b'{"detail": "Traceback (most recent call last)"}', "status 400 shows 'Traceback'"),
        ("404", b"HTTP/1.1 404 x\r\nContent-Type: text/plain\r\n\r\nno", "status 404 is no problem document"),
        ("400", PROBLEM + b'{"detail": "no such thing"}', None),
        ("200", b"HTTP/1.1 200 x\r\n\r\n", None),
    ],
)
def test_a_fault_is_found(status: str, answer: bytes, fault: str | None) -> None:
    assert hostile.fault_of(status, answer) == fault

"""The load on a server is counted as it is."""

from __future__ import annotations

import asyncio
import os

from app.settings import Settings
from app.store.session import make_engine, upgrade
from app.web.main import create_app
from bench.load import measure
from tests.live.conftest import served


def test_requests_and_errors_are_counted(tmp_path: object) -> None:
    settings = Settings(database_url=f"sqlite:///{tmp_path}/x.db")
    upgrade(settings.resolved_database_url)
    engine = make_engine(settings.resolved_database_url)
    with served(create_app(settings, engine)) as url:
        found = asyncio.run(measure(url, ["/healthz", "/nope"], 3, 1.0, os.getpid()))
        assert found.per_s > 0
        assert 0 < found.p50_ms <= found.p99_ms
        assert found.errors >= 1
        assert found.cpu_ms is not None
        assert 0 < found.cpu_ms * found.per_s < 1000 * (os.cpu_count() or 1)
    engine.dispose()

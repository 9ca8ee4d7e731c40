"""Jobs by state, from a real database, and what is said when that is gone."""

from __future__ import annotations

import sqlite3
from datetime import UTC, datetime
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry
from sqlalchemy import Engine, insert

from app.store.session import writing
from app.store.tables import jobs
from app.web.ops.job_metrics import JobMetrics


def registry_of(engine: Engine) -> CollectorRegistry:
    registry = CollectorRegistry()
    registry.register(JobMetrics(engine))
    return registry


def add(engine: Engine, state: str) -> None:
    """A job in that state, whatever else it is."""
    values = {
        column.name: 0 if column.type.python_type in (int, float) else ""
        for column in jobs.columns
        if not column.nullable and not column.primary_key and column.type.python_type in (int, float, str)
    }
    times = {column.name: datetime.now(UTC) for column in jobs.columns if column.name.endswith("_at")}
    with writing(engine) as connection:
        connection.execute(insert(jobs).values({**values, **times, "state": state}))


def test_every_state_is_counted(engine: Engine) -> None:
    for state in ("queued", "queued", "failed"):
        add(engine, state)
    registry = registry_of(engine)
    found = {
        state: registry.get_sample_value("hedgescope_jobs", {"state": state})
        for state in ("queued", "running", "done", "failed", "cancelled")
    }
    assert found == {"queued": 2, "running": 0, "done": 0, "failed": 1, "cancelled": 0}
    assert registry.get_sample_value("hedgescope_database_up") == 1


def test_without_a_database_the_rest_is_still_told(
    engine: Engine, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    connection = sqlite3.connect(tmp_path / "hedgescope.db")
    connection.execute("DROP TABLE jobs")
    connection.commit()
    connection.close()
    registry = registry_of(engine)
    assert registry.get_sample_value("hedgescope_database_up") == 0
    assert registry.get_sample_value("hedgescope_jobs", {"state": "queued"}) is None
    assert "no metrics of jobs" in caplog.text

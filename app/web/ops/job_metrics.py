"""Jobs by state, read from the database for each request of `/metrics`."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import get_args

from prometheus_client.metrics_core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from sqlalchemy import Engine, func, select

from app.errors import StoreError
from app.jobs.records import JobState
from app.store.session import reading
from app.store.tables import jobs

log = logging.getLogger(__name__)


class JobMetrics(Collector):
    """Counts jobs, in one query over an index. Without a database the other metrics are still there.

    Args:
        engine: where the jobs are.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def describe(self) -> Iterator[Metric]:
        """Nothing: listing the names would query the database while the application is created."""
        yield from ()

    def collect(self) -> Iterator[Metric]:
        """One gauge a state, also for a state without jobs; whether the database answers."""
        up = GaugeMetricFamily("hedgescope_database_up", "1 where the database answers, else 0.")
        found = GaugeMetricFamily("hedgescope_jobs", "Jobs, by state.", labels=["state"])
        try:
            counts = self._counts()
        except StoreError as error:
            log.warning("no metrics of jobs: %s", error)
            up.add_metric([], 0)
        else:
            up.add_metric([], 1)
            for state in get_args(JobState):
                found.add_metric([state], counts.get(state, 0))
        yield from (up, found)

    def _counts(self) -> dict[str, int]:
        with reading(self._engine) as connection:
            rows = connection.execute(select(jobs.c.state, func.count()).group_by(jobs.c.state)).all()
        return {str(state): int(count) for state, count in rows}

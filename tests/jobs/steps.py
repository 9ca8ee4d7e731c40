"""The steps of a job as the database has them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Engine, select

from app.store.session import reading
from app.store.tables import job_steps


def steps_of(engine: Engine, job_id: int) -> Sequence[Any]:
    """Rows of the steps, in order."""
    with reading(engine) as connection:
        return connection.execute(
            select(job_steps).where(job_steps.c.job_id == job_id).order_by(job_steps.c.number)
        ).all()

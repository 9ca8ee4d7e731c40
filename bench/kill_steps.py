"""The steps of a job while its runners are killed."""

from __future__ import annotations

from typing import Any

from app.jobs.records import Job
from tests.jobs.conftest import Place
from tests.jobs.kills import on_disk
from tests.jobs.steps import steps_of


def shards_of(place: Place, job: Job) -> list[Any]:
    """Those that are shards."""
    return [step for step in steps_of(place.engine, job.id) if step.phase == "shards"]


def held(place: Place, job: Job, phase: str, pids: list[int | None]) -> list[Any]:
    """Open steps of a phase that one of these processes holds."""
    found = [
        step for step in steps_of(place.engine, job.id) if step.phase == phase and step.state == "open" and step.owner
    ]
    return [step for step in found if int(step.owner.split(":")[1]) in pids]


def phase_of(place: Place, job: Job) -> str:
    """The phase of the first open step."""
    return next((step.phase for step in steps_of(place.engine, job.id) if step.state == "open"), "none")


def is_in(place: Place, job: Job, phase: str) -> bool:
    """Whether the job is in that phase, or past it."""
    return any(step.phase == phase for step in steps_of(place.engine, job.id))


def are_counted_once(place: Place, job: Job, n_shards: int) -> bool:
    """Whether each row was planned once and completed once, and all shards are on disk."""
    found = shards_of(place, job)
    rows = [row for step in found for row in range(step.start_row, step.stop_row)]
    is_once = len(rows) == len(set(rows)) == n_shards == len(on_disk(place))
    return is_once and all(step.state == "done" for step in found)

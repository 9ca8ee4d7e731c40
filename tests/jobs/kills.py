"""Kills workers at random moments of a job; for tests and for the benchmark."""

from __future__ import annotations

import os
import random
import signal

from app.jobs.queue import get_job
from app.jobs.records import Job
from tests.jobs.conftest import TIMEOUT_S, Place
from tests.waiting import take_time, wait_until


def kill_at(place: Place, job: Job, shards: int, pause_s: float) -> bool:
    """Start a worker, and kill it a moment after so many shards are on disk; whether the job was still running."""
    worker = place.start()
    wait_until(lambda: len(on_disk(place)) >= shards or not worker.is_alive(), timeout_s=TIMEOUT_S, every_s=0.002)
    take_time(pause_s)
    was_active = get_job(place.engine, job.id).is_active
    assert worker.pid is not None
    os.kill(worker.pid, signal.SIGKILL)
    worker.join()
    return was_active


def on_disk(place: Place) -> list[str]:
    """Names of the shards whose work is done: their tokens are written last."""
    return [path.name for path in place.folder.glob("shards/*/tokens-*/*.safetensors")]


def moments(n_kills: int, n_shards: int) -> list[tuple[int, float]]:
    """Random (shards on disk, seconds after that): the first while it is planned, the last while it is scored."""
    between = sorted(random.sample(range(n_shards), min(n_kills - 2, n_shards)))
    return [(0, random.uniform(0, 0.5)), *((n, random.uniform(0, 0.05)) for n in between), (n_shards, 0.3)][:n_kills]

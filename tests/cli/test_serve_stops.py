"""`hedgescope serve` that is stopped during a job: the job is free at once for whoever comes next."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import Engine

from app.jobs.leases import claim_step
from app.jobs.queue import get_job, submit
from app.jobs.records import Job
from app.records import ComparisonRequest
from app.sae.load import load_sae
from app.settings import Settings
from app.store.session import make_engine, upgrade
from app.store.write import register_sae
from tests.jobs.steps import steps_of
from tests.pipeline.world import make_activations, make_world, save_activations
from tests.waiting import wait_until

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
DEADLINE_S = 240
"""A busy machine is no failure."""
LEASE_S = 600
"""Longer than a test waits: only what is handed back is free."""
N_TOKENS = 1_000_000
"""Some hundred shards, each of them a step of the job."""


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """A data folder with a job that takes a while."""
    settings = Settings(data_dir=tmp_path / "data", job_lease_s=LEASE_S)
    folder = settings.resolved_input_dir
    folder.mkdir(parents=True)
    world = make_world(folder)
    save_activations(folder / "long.safetensors", make_activations(N_TOKENS, seed=5)[0])
    upgrade(settings.resolved_database_url)
    engine = make_engine(settings.resolved_database_url)
    for name, source in (("narrow", world.narrow), ("reference", world.reference)):
        register_sae(engine, replace(load_sae(str(source), name=name).record))
    submit(engine, ComparisonRequest("narrow", "reference", activations="long.safetensors"))
    engine.dispose()
    return settings


@contextmanager
def serving(settings: Settings, log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """The server, with no more than the settings say."""
    command = [sys.executable, "-c", "from app.cli import main; main()", "serve", "--port", "0"]
    own = {"HEDGESCOPE_DATA_DIR": str(settings.data_dir), "HEDGESCOPE_JOB_LEASE_S": str(LEASE_S)}
    with (
        log.open("wb") as output,
        subprocess.Popen(command, cwd=ROOT, env={**os.environ, **own}, stdout=output, stderr=output) as server,
    ):
        try:
            yield server
        finally:
            server.kill()


def wait_for(engine: Engine, condition: Callable[[Job], bool], log: Path) -> Job:
    def found() -> Job | None:
        job = get_job(engine, 1)
        return job if condition(job) else None

    job = wait_until(found, timeout_s=DEADLINE_S, report=log.read_text)
    assert job is not None
    return job


def held(engine: Engine) -> list[int]:
    """Numbers of the open steps that somebody has."""
    return [step.number for step in steps_of(engine, 1) if step.state == "open" and step.owner is not None]


def test_sigterm_hands_the_job_back_at_once(settings: Settings, tmp_path: Path) -> None:
    engine, log = make_engine(settings.resolved_database_url), tmp_path / "log"
    with serving(settings, log) as server:
        wait_for(engine, lambda job: job.done > 0 and held(engine) != [], log)
        server.send_signal(signal.SIGTERM)
        assert server.wait(DEADLINE_S) == 0, log.read_text()
    stopped = get_job(engine, 1)
    assert (stopped.state, 0 < stopped.done < N_TOKENS) == ("running", True)
    assert held(engine) == []
    claim = claim_step(engine, "another process", LEASE_S)
    assert claim is not None
    assert claim.phase == "shards"
    assert "Traceback" not in log.read_text()
    engine.dispose()

"""Whatever is killed or goes down during a job, it ends with the numbers of an undisturbed run."""

from __future__ import annotations

import os
import signal
import time
from dataclasses import fields, replace
from pathlib import Path

import pytest

from app.jobs.queue import get_job
from app.sae.load import load_sae
from app.settings import Settings
from app.store.read import list_comparisons
from app.store.session import make_engine
from app.store.write import register_sae
from app.web.main import create_app
from tests.jobs.conftest import LEASE_S, N_ROWS, REQUEST, Place
from tests.jobs.kills import kill_at, moments, on_disk
from tests.jobs.steps import steps_of
from tests.local_client import local_client
from tests.pipeline.dump import Dump, dump
from tests.postgres import PostgresServer
from tests.saved_saes import save_sae
from tests.waiting import wait_until

pytestmark = pytest.mark.slow

N_KILLS = 4
"""The benchmark `bench.kill` does twenty."""


def test_killed_at_random_moments(place: Place, undisturbed: tuple[str, Dump]) -> None:
    slug, numbers = undisturbed
    job = place.ask()
    for shards, pause_s in moments(N_KILLS, N_ROWS):
        before = get_job(place.engine, job.id).done
        kill_at(place, job, shards, pause_s)
        found = get_job(place.engine, job.id)
        assert found.done >= before or found.stage != "model and SAEs"
        assert found.is_active == (list_comparisons(place.engine) == [])
    files = {path: path.stat().st_mtime_ns for path in place.folder.glob("shards/*/*/*.safetensors")}
    place.start()
    ended = place.wait(job.id, lambda found: not found.is_active)
    assert (ended.state, ended.slug) == ("done", slug), ended
    assert_same(dump(place.engine, slug), numbers)
    assert {path: path.stat().st_mtime_ns for path in files} == files, "what is on disk is not computed again"
    assert len(on_disk(place)) == N_ROWS
    assert_each_shard_counted_once(place, job.id)


def assert_same(found: Dump, expected: Dump) -> None:
    """Every number, to the last bit."""
    for field in fields(Dump):
        assert repr(getattr(found, field.name)) == repr(getattr(expected, field.name)), field.name


def assert_each_shard_counted_once(place: Place, job_id: int) -> None:
    steps = [step for step in steps_of(place.engine, job_id) if step.phase == "shards"]
    assert {step.state for step in steps} <= {"done"}
    rows = [(step.start_row, step.stop_row) for step in steps]
    assert rows == ([(row, row + 1) for row in range(N_ROWS)] if rows else [])


def held_by(place: Place, job_id: int, pid: int | None) -> list[int]:
    """Numbers of the open steps that a process holds."""
    steps = steps_of(place.engine, job_id)
    return [step.number for step in steps if step.state == "open" and step.owner and f":{pid}:" in step.owner]


@pytest.mark.parametrize("database_url", ["postgres"], indirect=True)
def test_of_two_workers_one_is_killed_for_good(place: Place, undisturbed: tuple[str, Dump]) -> None:
    slug, numbers = undisturbed
    job = place.ask()
    first, second = place.start(slowly_s=0.2), place.start(slowly_s=0.2)
    place.wait(job.id, lambda found: found.workers == 2)
    place.wait(job.id, lambda found: found.done > 6 * 128)
    assert first.pid is not None
    # It holds each shard for a fifth of a second: it is at the start of one when it is seen to have taken it.
    place.wait(job.id, lambda _: held_by(place, job.id, first.pid) == [])
    place.wait(job.id, lambda _: held_by(place, job.id, first.pid) != [])
    os.kill(first.pid, signal.SIGKILL)
    first.join()
    dead = held_by(place, job.id, first.pid)
    assert dead, "it was killed while it held a shard"
    killed_at = time.monotonic()
    ended = place.wait(job.id, lambda found: not found.is_active)
    assert (ended.state, ended.slug) == ("done", slug), place.log()
    steps = {step.number: step for step in steps_of(place.engine, job.id)}
    assert all(f":{second.pid}:" in steps[number].owner for number in dead)
    both = {step.owner for step in steps.values() if step.phase == "shards"}
    assert len(both) == 2, "both had a share of the work"
    assert steps[dead[0]].completed - steps[dead[0]].claimed < 30
    assert time.monotonic() - killed_at < LEASE_S + 60
    assert_each_shard_counted_once(place, job.id)
    assert_same(dump(place.engine, slug), numbers)


@pytest.mark.parametrize("database_url", ["postgres"], indirect=True)
def test_the_database_is_restarted_in_the_middle(
    place: Place, postgres_server: PostgresServer, undisturbed: tuple[str, Dump]
) -> None:
    slug, numbers = undisturbed
    job = place.ask()
    worker = place.start(slowly_s=0.1)
    place.wait(job.id, lambda found: found.done > 5 * 128)
    engine = make_engine(place.url)
    # Once for all requests: the pool of connections has to get over it.
    pages = local_client(create_app(Settings(database_url=place.url, data_dir=place.folder), engine))
    assert "asked" in pages.get(f"/jobs/{job.id}").text
    leased_until = max(step.expires or 0 for step in steps_of(place.engine, job.id))
    postgres_server.stop(immediate=True)
    for path in ("/", "/jobs", f"/jobs/{job.id}", f"/api/v1/jobs/{job.id}"):
        answer = pages.get(path)
        assert answer.status_code == 503, path
        assert "Traceback" not in answer.text
        assert postgres_server.password not in answer.text
    assert pages.get("/readyz").status_code == 503
    wait_until(lambda: time.time() > leased_until + LEASE_S)
    assert worker.is_alive()
    postgres_server.start()
    assert [pages.get(path).status_code for path in ("/", "/jobs", f"/jobs/{job.id}")] == [200, 200, 200]
    ended = place.wait(job.id, lambda found: not found.is_active)
    assert (ended.state, ended.slug) == ("done", slug), place.log()
    assert_same(dump(place.engine, slug), numbers)
    assert_each_shard_counted_once(place, job.id)
    assert "can't" in place.log()
    assert pages.get(f"/c/{slug}").status_code == 200
    engine.dispose()


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_an_sae_that_does_not_fit(place: Place, tmp_path: Path) -> None:
    wide = save_sae(tmp_path / "wide", "jumprelu", d_in=20)
    register_sae(place.engine, load_sae(str(wide), name="wide").record)
    job = place.ask(replace(REQUEST, narrow="wide"))
    place.start()
    failed = place.wait(job.id, lambda found: not found.is_active)
    assert failed.state == "failed"
    assert failed.error == (
        "wide: reads activations of width 20, but these have width 16; give the model and hook the SAE was trained on"
    )
    assert "Traceback" not in place.log()
    assert on_disk(place) == []


def test_told_to_stop_it_hands_its_step_back(place: Place) -> None:
    job = place.ask()
    worker = place.start(slowly_s=0.3)
    place.wait(job.id, lambda found: found.done > 0)
    worker.terminate()
    worker.join(30)
    assert worker.exitcode == 0
    held = [step for step in steps_of(place.engine, job.id) if step.state == "open" and step.owner]
    assert held == []
    found = get_job(place.engine, job.id)
    assert (found.state, found.done < N_ROWS * 128) == ("running", True)

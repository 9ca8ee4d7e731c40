"""`kill -9` of `hedgescope serve` during a job: the child that works on jobs goes on, and ends when there are none."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import psutil
import pytest

from app.jobs.queue import get_job
from app.jobs.records import Job
from app.pipeline.run import run
from app.progress import silent
from app.sae.load import load_sae
from app.settings import Settings
from app.store.session import make_engine, upgrade
from app.store.write import register_sae
from tests.jobs.steps import steps_of
from tests.pipeline.dump import dump
from tests.pipeline.world import World
from tests.waiting import wait_until

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]


@contextmanager
def serving(folder: Path, world: World) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A server of its own process, and its address."""
    command = [sys.executable, "-c", "from app.cli import main; main()", "serve", "--port", "0"]
    own = {"HEDGESCOPE_DATA_DIR": str(folder), "HEDGESCOPE_INPUT_DIR": str(world.file.parent), "PYTHONPATH": str(ROOT)}
    with (
        (folder / "err").open("a") as errors,
        subprocess.Popen(
            command, cwd=ROOT, env={**os.environ, **own}, stdout=subprocess.PIPE, stderr=errors, text=True
        ) as server,
    ):
        try:
            assert server.stdout is not None
            found = re.search(r"serving (http://127\.0\.0\.1:\d+)/ ", server.stdout.readline())
            assert found, (folder / "err").read_text()
            yield server, found[1]
        finally:
            server.kill()


def ask(url: str, world: World) -> int:
    body = {"narrow": "narrow", "reference": "reference", "activations": world.file.name, "name": "asked"}
    request = Request(f"{url}/api/v1/jobs", json.dumps(body).encode(), {"Content-Type": "application/json"})
    return int(json.loads(urlopen(request, timeout=60).read())["id"])


def job_runners(server: subprocess.Popen[str]) -> list[psutil.Process]:
    return [one for one in psutil.Process(server.pid).children(recursive=True) if "jobs" in one.cmdline()]


@pytest.fixture
def engine(tmp_path: Path, world: World) -> Iterator[Any]:
    url = Settings(data_dir=tmp_path).resolved_database_url
    upgrade(url)
    made = make_engine(url)
    for name, source in (("narrow", world.narrow), ("reference", world.reference)):
        register_sae(made, load_sae(str(source), name=name).record)
    yield made
    made.dispose()


def test_the_job_goes_on_without_the_pages(tmp_path: Path, world: World, engine: Any) -> None:
    def job() -> Job:
        return get_job(engine, number)

    with serving(tmp_path, world) as (server, url):
        number = ask(url, world)
        wait_until(lambda: job().state == "running")
        (runner,) = job_runners(server)
        server.kill()
        server.wait(60)
    was_active = job().is_active
    wait_until(lambda: not job().is_active)
    assert was_active, "the server was killed while the job was running"
    assert job().state == "done", (job(), (tmp_path / "err").read_text())
    owners = {step.owner.split(":")[1] for step in steps_of(engine, number)}
    assert owners == {str(runner.pid)}, "the same process from the first step to the last"
    wait_until(lambda: not runner.is_running() or runner.status() == psutil.STATUS_ZOMBIE)
    other = make_engine(f"sqlite:///{tmp_path / 'other.db'}")
    upgrade(f"sqlite:///{tmp_path / 'other.db'}")
    slug = job().slug
    calm = run(other, tmp_path / "other", world.request(name="asked"), silent)
    assert slug == calm.slug
    assert repr(dump(engine, slug).latents) == repr(dump(other, slug).latents)
    assert repr(dump(engine, slug).pairs) == repr(dump(other, slug).pairs)
    other.dispose()


def test_a_new_server_shows_the_job_of_the_killed_one(tmp_path: Path, world: World, engine: Any) -> None:
    with serving(tmp_path, world) as (server, url):
        number = ask(url, world)
        wait_until(lambda: get_job(engine, number).state == "running")
        server.kill()
        server.wait(60)
    with serving(tmp_path, world) as (_, url):
        wait_until(lambda: json.loads(urlopen(f"{url}/api/v1/jobs/{number}", timeout=60).read())["state"] == "done")
        slug = get_job(engine, number).slug
        assert urlopen(f"{url}/c/{slug}", timeout=60).status == 200

"""Databases of both kinds, a tiny world to compare in, and workers that can be killed."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from multiprocessing.process import BaseProcess
from pathlib import Path

import pytest
from sqlalchemy import Engine

from app.jobs.queue import get_job, submit
from app.jobs.records import Job
from app.pipeline import inputs
from app.pipeline.run import run
from app.progress import silent
from app.records import ComparisonRequest
from app.sae.load import load_sae
from app.sparse.shards import plan_shards
from app.store.session import make_engine, upgrade
from app.store.write import register_sae
from tests.jobs import driver
from tests.jobs.clock import DatabaseClock
from tests.one_thread import one_thread
from tests.pipeline.dump import Dump, dump
from tests.pipeline.world import World, make_activations, make_world, save_activations
from tests.waiting import wait_until

__all__ = ["one_thread"]

N_ROWS = 40
TIMEOUT_S = 180
"""A busy machine is no failure."""
LEASE_S = 2.0
REGISTERED = datetime(2026, 1, 1, tzinfo=UTC)

REQUEST = ComparisonRequest("narrow", "reference", activations="acts.safetensors", name="asked")


@pytest.fixture(scope="session", autouse=True)
def forked_from_a_clean_process() -> None:
    """Torch is imported once, in a process without threads, and each worker is forked from that."""
    multiprocessing.get_context("forkserver").set_forkserver_preload(["sae_lens", "tests.jobs.driver"])


@dataclass
class Place:
    """A database with two registered SAEs, a data folder with an input folder in it, and workers."""

    url: str
    folder: Path
    engine: Engine
    workers: list[BaseProcess] = field(default_factory=list)

    def start(self, **options: float) -> BaseProcess:
        """Start a worker; arguments as of `driver.work`."""
        context = multiprocessing.get_context("forkserver")
        process = context.Process(
            target=driver.work, args=(self.url, self.folder), kwargs={"lease_s": LEASE_S, **options}
        )
        process.start()
        self.workers.append(process)
        return process

    def ask(self, request: ComparisonRequest = REQUEST) -> Job:
        return submit(self.engine, request)

    def wait(self, job_id: int, until: Callable[[Job], bool]) -> Job:
        """The job, once it is as wanted."""

        def found() -> Job | None:
            job = get_job(self.engine, job_id)
            return job if until(job) else None

        job = wait_until(found, timeout_s=TIMEOUT_S, report=lambda: (get_job(self.engine, job_id), self.log()))
        assert job is not None
        return job

    def log(self) -> str:
        path = self.folder / "log"
        return path.read_text() if path.exists() else ""

    def close(self) -> None:
        for process in self.workers:
            process.kill()
            process.join()
        self.engine.dispose()


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    """SAEs, and an input folder with activations of `N_ROWS` rows."""
    folder = tmp_path_factory.mktemp("world")
    made = make_world(folder)
    acts, _ = make_activations(N_ROWS * 128, seed=11)
    (folder / "input").mkdir()
    save_activations(folder / "input" / "acts.safetensors", acts)
    return made


def make_place(url: str, folder: Path, world: World) -> Place:
    upgrade(url)
    engine = make_engine(url)
    for name, source in (("narrow", world.narrow), ("reference", world.reference)):
        # At one time, so that two places hold the same records.
        register_sae(engine, replace(load_sae(str(source), name=name).record, created_at=REGISTERED))
    (folder / "input").symlink_to(world.narrow.parent / "input")
    return Place(url, folder, engine)


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.slow)])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """URL of an empty database of each kind."""
    if request.param == "postgres":
        url: str = request.getfixturevalue("postgres_url")
        return url
    return f"sqlite:///{tmp_path / 'hedgescope.db'}"


@pytest.fixture
def place(database_url: str, tmp_path: Path, world: World) -> Iterator[Place]:
    made = make_place(database_url, tmp_path, world)
    yield made
    made.close()


@pytest.fixture
def clock(place: Place) -> DatabaseClock:
    """The clock that the place's engine reads."""
    return DatabaseClock(place.engine)


@pytest.fixture(scope="session")
def undisturbed(world: World, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Dump]]:
    """Slug and numbers of the comparison, as the command line makes them."""
    folder = tmp_path_factory.mktemp("undisturbed")
    made = make_place(f"sqlite:///{folder / 'hedgescope.db'}", folder, world)
    file = str(folder / "input" / "acts.safetensors")
    # The same shards as the workers: sums in another order differ in the last bits.
    monkeypatch = pytest.MonkeyPatch()
    monkeypatch.setattr(inputs, "plan_shards", partial(plan_shards, rows_per_shard=1))
    request = world.request(narrow="narrow", reference="reference", activations=file, name="asked")
    summary = run(made.engine, folder, request, silent)
    monkeypatch.undo()
    yield summary.slug, dump(made.engine, summary.slug)
    made.close()

"""Shards on a Ray cluster of two machines: the same as here, also when one of them dies."""

from __future__ import annotations

import copy
import threading
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

ray = pytest.importorskip("ray")
pytestmark = [
    pytest.mark.slow,
    # Ray leaves sockets and log files to the end of the process.
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
]

from app.activations.batch import ActivationBatch  # noqa: E402
from app.activations.cached import FileStream  # noqa: E402
from app.activations.stream import ActivationStream  # noqa: E402
from app.errors import ActivationsError, ExecutorError, ShardError  # noqa: E402
from app.executor.base import ShardWork  # noqa: E402
from app.executor.local import LocalExecutor, run_shards  # noqa: E402
from app.executor.ray import Needs, RayExecutor  # noqa: E402
from app.pipeline.open import Resources  # noqa: E402
from app.pipeline.passes import AddShard  # noqa: E402
from app.pipeline.run import run  # noqa: E402
from app.progress import silent  # noqa: E402
from app.records import SIDES, BySide  # noqa: E402
from app.sae.load import LoadedSae, load_sae  # noqa: E402
from app.sparse.read import ShardReader  # noqa: E402
from app.sparse.shards import Shard, ShardStore, plan_shards  # noqa: E402
from app.stats.collect import StatisticsCollector  # noqa: E402
from tests.executor.cluster import Machines, machines  # noqa: E402
from tests.pipeline.dump import assert_close, dump  # noqa: E402
from tests.pipeline.workplace import open_workplace  # noqa: E402
from tests.pipeline.world import make_world  # noqa: E402
from tests.saved_saes import save_matryoshka, save_sae  # noqa: E402
from tests.sparse.streams import random_acts, save_acts  # noqa: E402
from tests.waiting import take_time, wait_until  # noqa: E402

N_TOKENS = 5000
"""40 rows of 128 tokens, 20 shards of two rows."""


class SlowStream(FileStream):
    """A file that takes its time, so that something can happen meanwhile."""

    def __init__(self, path: Path, seconds: float) -> None:
        super().__init__(path)
        self._seconds = seconds

    def batches(self, start: int, stop: int) -> Iterator[ActivationBatch]:
        take_time(self._seconds)
        return super().batches(start, stop)


@dataclass(frozen=True)
class OpenFiles:
    """What a task opens."""

    acts: Path
    saes: tuple[Path, ...]
    seconds: float = 0.0

    def __call__(self) -> tuple[ActivationStream, Sequence[LoadedSae]]:
        return SlowStream(self.acts, self.seconds), [load_sae(str(sae)) for sae in self.saes]

    def work(self) -> ShardWork:
        return ShardWork(*self(), self)


@pytest.fixture(scope="module")
def cluster() -> Iterator[Machines]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with machines(2) as found:
            yield found


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> OpenFiles:
    folder = tmp_path_factory.mktemp("files")
    saes = save_sae(folder / "narrow", "jumprelu", d_sae=8), save_matryoshka(folder / "reference")
    return OpenFiles(save_acts(folder / "acts.safetensors", random_acts(N_TOKENS)), saes)


@dataclass(frozen=True)
class Local:
    """The same work done here."""

    work: ShardWork
    store: ShardStore
    shards: list[Shard]


@pytest.fixture(scope="module")
def local(files: OpenFiles, tmp_path_factory: pytest.TempPathFactory) -> Local:
    work = files.work()
    store = ShardStore(tmp_path_factory.mktemp("local"), work.stream.key)
    shards = plan_shards(work.stream.rows, 2)
    run_shards(work.stream, work.saes, store, shards)
    return Local(work, store, shards)


def contents(store: ShardStore) -> dict[str, bytes]:
    return {str(path.relative_to(store.folder)): path.read_bytes() for path in store.folder.rglob("*.safetensors")}


def test_shards_and_sums_are_the_same_as_here(
    cluster: Machines, files: OpenFiles, local: Local, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[int] = []
    store = ShardStore(tmp_path, local.work.stream.key)
    RayExecutor().run_shards(local.work, store, local.shards, progress=done.append)
    assert sum(done) == N_TOKENS
    assert contents(store) == contents(local.store)
    monkeypatch.setattr("app.executor.ray.SHARDS_A_SUM", 3)
    reader = ShardReader(store, local.shards, BySide(*local.work.saes))
    empty = StatisticsCollector(reader.shape)
    here = LocalExecutor().fold(copy.deepcopy(empty), AddShard(reader), local.shards).finalize()
    there = RayExecutor().fold(empty, AddShard(reader), local.shards).finalize()
    for side in SIDES:
        ours, theirs = there.sides[side], here.sides[side]
        np.testing.assert_array_equal(ours.firing.n_firings, theirs.firing.n_firings)
        np.testing.assert_array_equal(ours.histograms.counts, theirs.histograms.counts)
        np.testing.assert_array_equal(ours.firing.max_activation, theirs.firing.max_activation)
        np.testing.assert_array_equal(ours.top.row, theirs.top.row)
        np.testing.assert_allclose(ours.firing.sum_activation, theirs.firing.sum_activation, rtol=1e-12)
        assert ours.explained.per_level == pytest.approx(theirs.explained.per_level, rel=1e-9)
    assert (there.co_firing.n_both != here.co_firing.n_both).nnz == 0
    assert there.co_firing.n_tokens == here.co_firing.n_tokens == N_TOKENS


def test_only_what_is_missing_is_run(cluster: Machines, local: Local, tmp_path: Path) -> None:
    """A run that was stopped by its caller goes on where it was; what was under way is cancelled."""

    def stop(n_tokens: int) -> None:
        done.append(n_tokens)
        if sum(done) > 1000:
            raise KeyboardInterrupt

    done: list[int] = []
    store = ShardStore(tmp_path, local.work.stream.key)
    with pytest.raises(KeyboardInterrupt):
        RayExecutor().run_shards(local.work, store, local.shards, progress=stop)
    done.clear()
    RayExecutor().run_shards(local.work, store, local.shards, progress=done.append)
    assert sum(done) == N_TOKENS
    assert contents(store) == contents(local.store)


def test_an_error_of_a_task_is_told_as_it_would_be_here(cluster: Machines, files: OpenFiles, tmp_path: Path) -> None:
    acts = random_acts(600)
    acts[400, 1] = np.nan
    broken = OpenFiles(save_acts(tmp_path / "broken.safetensors", acts), files.saes)
    work = broken.work()
    with pytest.raises(ActivationsError, match="NaN or infinite activations in rows"):
        RayExecutor().run_shards(work, ShardStore(tmp_path, work.stream.key), plan_shards(work.stream.rows, 2))


def test_a_shard_that_cant_be_read_is_named(cluster: Machines, local: Local, tmp_path: Path) -> None:
    store = ShardStore(tmp_path, local.work.stream.key)
    reader = ShardReader(store, local.shards, BySide(*local.work.saes))
    with pytest.raises(ShardError, match=r"safetensors: this shard can't be read; .* run the same command again"):
        RayExecutor().fold(StatisticsCollector(reader.shape), AddShard(reader), local.shards)


def test_another_text_on_a_machine_is_refused(
    cluster: Machines, files: OpenFiles, local: Local, tmp_path: Path
) -> None:
    other = OpenFiles(save_acts(tmp_path / "other.safetensors", random_acts(300, seed=5)), files.saes)
    work = ShardWork(local.work.stream, local.work.saes, other)
    with pytest.raises(ExecutorError, match="reads another model or text"):
        RayExecutor().run_shards(work, ShardStore(tmp_path, work.stream.key), local.shards)


def test_activations_of_this_process_alone_are_refused(cluster: Machines, local: Local, tmp_path: Path) -> None:
    work = ShardWork(local.work.stream, local.work.saes)
    with pytest.raises(ExecutorError, match="use --engine local"):
        RayExecutor().run_shards(work, ShardStore(tmp_path, work.stream.key), local.shards)


def test_a_whole_comparison_is_the_same_as_here(cluster: Machines, tmp_path: Path) -> None:
    world = make_world(tmp_path)
    here, there = open_workplace(tmp_path / "here"), open_workplace(tmp_path / "there")
    first = run(here.engine, here.data_dir, world.request(), silent)
    resources = Resources(shards=str(tmp_path / "shards"), executor=RayExecutor(), device="cpu")
    second = run(there.engine, there.data_dir, world.request(), silent, resources=resources)
    assert first.slug == second.slug
    assert_close(dump(there.engine, second.slug), dump(here.engine, first.slug))
    assert list((tmp_path / "shards").rglob("*.safetensors"))
    for place in (here, there):
        place.engine.dispose()


def test_when_a_machine_dies_the_other_one_does_its_shards(
    cluster: Machines, files: OpenFiles, local: Local, tmp_path: Path
) -> None:
    """The last test: one machine is gone after it."""
    slow = OpenFiles(files.acts, files.saes, seconds=0.3)
    work = ShardWork(local.work.stream, local.work.saes, slow)
    store, done = ShardStore(tmp_path, local.work.stream.key), list[int]()
    killed = threading.Event()

    def progress(n_tokens: int) -> None:
        done.append(n_tokens)
        if sum(done) > 1000 and not killed.is_set():
            killed.set()
            cluster.kill(1)

    RayExecutor(Needs(retries=3)).run_shards(work, store, local.shards, progress=progress)
    assert killed.is_set()
    assert sum(done) == N_TOKENS
    assert contents(store) == contents(local.store)
    # The head takes a machine for dead only once it has missed its health checks for some seconds.
    wait_until(lambda: n_alive() <= 2, every_s=0.2)
    assert n_alive() == 2


def n_alive() -> int:
    return sum(bool(node["Alive"]) for node in nodes())


def nodes() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = ray.nodes()
    return found

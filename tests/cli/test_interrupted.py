"""Killed at random moments and started again, a comparison ends with the numbers of an undisturbed run."""

from __future__ import annotations

import json
import multiprocessing
import os
import random
import signal
from multiprocessing.process import BaseProcess
from pathlib import Path

import pytest
from safetensors import safe_open

from app.settings import Settings
from app.store.read import list_comparisons
from app.store.session import make_engine
from tests.cli import driver
from tests.pipeline.dump import Dump, dump
from tests.pipeline.world import World, make_activations, save_activations
from tests.waiting import PATIENCE_S, take_time, wait_until

pytestmark = pytest.mark.slow

N_ROWS = 70
N_FILES = 3 * N_ROWS
"""One row a shard; tokens and two SAEs each."""


@pytest.fixture(scope="module", autouse=True)
def forked_from_a_clean_process() -> None:
    """Torch is imported once, in a process without threads, and each command is forked from that."""
    multiprocessing.get_context("forkserver").set_forkserver_preload(["sae_lens", "tests.cli.driver"])


@pytest.fixture(scope="module")
def arguments(world: World, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    acts, _ = make_activations(N_ROWS * 128, seed=11)
    path = save_activations(tmp_path_factory.mktemp("long") / "acts.safetensors", acts)
    saes = ["--narrow", str(world.narrow), "--reference", str(world.reference)]
    return ["compare", *saes, "--activations", str(path), "--name", "killed", "--json"]


def start(arguments: list[str], folder: Path) -> BaseProcess:
    process = multiprocessing.get_context("forkserver").Process(target=driver.hedgescope, args=(arguments, folder))
    process.start()
    return process


def finish(arguments: list[str], folder: Path) -> Dump:
    """Run to the end; what is stored then."""
    process = start(arguments, folder)
    process.join(PATIENCE_S)
    assert process.exitcode == 0, (folder / "err").read_text()
    out = (folder / "out").read_text()
    answer = json.loads(out)
    assert out.count("\n") == 1
    engine = make_engine(Settings(data_dir=folder).resolved_database_url)
    found = dump(engine, answer["slug"])
    engine.dispose()
    return found


def shards(folder: Path) -> list[Path]:
    return list(folder.glob("shards/*/*/*.safetensors"))


def signal_at(n_files: int, arguments: list[str], folder: Path, number: signal.Signals) -> BaseProcess:
    """Start the command, and send a signal once so many shard files are there."""
    process = start(arguments, folder)
    wait_until(lambda: len(shards(folder)) >= n_files or not process.is_alive(), every_s=0.002)
    assert process.pid is not None
    os.kill(process.pid, number)
    process.join(PATIENCE_S)
    return process


@pytest.fixture(scope="module")
def undisturbed(arguments: list[str], tmp_path_factory: pytest.TempPathFactory) -> Dump:
    folder = tmp_path_factory.mktemp("undisturbed")
    return finish(arguments, folder)


def test_killed_at_three_random_moments(arguments: list[str], undisturbed: Dump, tmp_path: Path) -> None:
    for moment in sorted(random.sample(range(5, N_FILES - 100), 3)):
        process = signal_at(moment, arguments, tmp_path, signal.SIGKILL)
        assert process.exitcode == -signal.SIGKILL
        there = shards(tmp_path)
        assert moment <= len(there) < N_FILES
        for path in there:
            with safe_open(path, framework="numpy") as whole:
                assert whole.keys()
        assert nothing_stored(tmp_path)
    before = {path: path.stat().st_mtime_ns for path in shards(tmp_path)}
    assert finish(arguments, tmp_path) == undisturbed
    assert len(shards(tmp_path)) == N_FILES
    # All but the shard it was working on is used again.
    kept = [path for path, mtime in before.items() if path.stat().st_mtime_ns == mtime]
    assert len(kept) >= len(before) - 2


def nothing_stored(folder: Path) -> bool:
    engine = make_engine(Settings(data_dir=folder).resolved_database_url)
    stored = list_comparisons(engine)
    engine.dispose()
    return stored == []


def test_killed_after_the_pass(arguments: list[str], undisturbed: Dump, tmp_path: Path) -> None:
    """While statistics are made or the comparison is stored: it is whole or not there."""
    process = start(arguments, tmp_path)
    wait_until(lambda: len(shards(tmp_path)) >= N_FILES or not process.is_alive(), every_s=0.002)
    take_time(random.uniform(0, 0.5))
    process.kill()
    process.join(PATIENCE_S)
    assert finish(arguments, tmp_path) == undisturbed


def test_ctrl_c_says_that_it_goes_on(arguments: list[str], undisturbed: Dump, tmp_path: Path) -> None:
    process = signal_at(random.randint(5, N_FILES - 100), arguments, tmp_path, signal.SIGINT)
    assert process.exitcode == 130
    lines = (tmp_path / "err").read_text().splitlines()
    assert lines[-1] == "stopped; run the same command again to resume"
    assert not any("Traceback" in line or "Error" in line for line in lines)
    assert (tmp_path / "out").read_text() == ""
    assert nothing_stored(tmp_path)
    assert finish(arguments, tmp_path) == undisturbed

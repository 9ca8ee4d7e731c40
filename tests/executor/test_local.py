from __future__ import annotations

import json
import os
import signal
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from app.errors import SaeError
from app.executor.local import run_shards
from app.sae.load import LoadedSae, load_sae
from app.sparse.csr import SparseActs, concatenate
from app.sparse.shards import TOKEN_FOLDER, Shard, ShardStore, plan_shards
from tests.saved_saes import save_matryoshka, save_sae
from tests.sparse.streams import CountingStream, random_acts, save_acts
from tests.waiting import take_time, wait_until

N_TOKENS = 2100
"""17 rows of 128 tokens; the last one is not full."""

N_SHARDS = 9
"""Of two rows each."""


@pytest.fixture
def acts_file(tmp_path: Path) -> Path:
    return save_acts(tmp_path / "acts.safetensors", random_acts(N_TOKENS))


@pytest.fixture
def saes(tmp_path: Path) -> list[LoadedSae]:
    folders = [save_sae(tmp_path / "narrow", "jumprelu", d_sae=8), save_matryoshka(tmp_path / "reference")]
    return [load_sae(str(folder)) for folder in folders]


def run(
    stream: CountingStream, saes: list[LoadedSae], root: Path, progress: Callable[[int], None] = lambda n: None
) -> ShardStore:
    store = ShardStore(root, stream.key)
    run_shards(stream, saes, store, plan_shards(stream.rows, 2), progress=progress)
    return store


def contents(store: ShardStore) -> dict[str, bytes]:
    return {str(path.relative_to(store.folder)): path.read_bytes() for path in store.folder.rglob("*.safetensors")}


def all_acts(store: ShardStore, sae: LoadedSae, shards: list[Shard]) -> SparseActs:
    parts = [store.read_acts(shard, sae.shard_key, store.read_tokens(shard).rows)[0] for shard in shards]
    return concatenate(parts)


def test_every_token_is_encoded_by_every_sae(tmp_path: Path, acts_file: Path, saes: list[LoadedSae]) -> None:
    stream, done = CountingStream(acts_file), list[int]()
    store = run(stream, saes, tmp_path / "shards", progress=done.append)
    shards = plan_shards(stream.rows, 2)
    assert done == [shard.n_tokens for shard in shards]
    assert sum(done) == N_TOKENS
    assert len(contents(store)) == 3 * N_SHARDS == 3 * len(shards)
    for sae in saes:
        latents = sae.module.encode(random_acts(N_TOKENS)).detach() * sae.module.W_dec.norm(dim=1)
        sparse = all_acts(store, sae, shards).csr(np.float32).toarray()
        np.testing.assert_allclose(sparse, latents, rtol=1e-4, atol=1e-5)
    assert json.loads((store.folder / "stream.json").read_text()) == dict(stream.description)


def test_what_is_there_is_not_read_again(tmp_path: Path, acts_file: Path, saes: list[LoadedSae]) -> None:
    first = run(CountingStream(acts_file), saes, tmp_path / "shards")
    before = contents(first)
    stream, done = CountingStream(acts_file), list[int]()
    second = run(stream, saes, tmp_path / "shards", progress=done.append)
    assert stream.reads == []
    assert sum(done) == N_TOKENS
    assert contents(second) == before


def test_only_a_lost_shard_is_computed_again(tmp_path: Path, acts_file: Path, saes: list[LoadedSae]) -> None:
    store = run(CountingStream(acts_file), saes, tmp_path / "shards")
    before = contents(store)
    lost = plan_shards(CountingStream(acts_file).rows, 2)[3]
    (store.folder / saes[1].shard_key / lost.file_name).unlink()
    stream = CountingStream(acts_file)
    run(stream, saes, tmp_path / "shards")
    assert stream.reads == [(lost.start, lost.stop)]
    assert contents(store) == before


@pytest.mark.parametrize("stop_after", [1, 4, 8])
def test_after_ctrl_c_it_goes_on_from_the_last_whole_shard(
    tmp_path: Path, acts_file: Path, saes: list[LoadedSae], stop_after: int
) -> None:
    undisturbed = run(CountingStream(acts_file), saes, tmp_path / "undisturbed")
    done: list[int] = []

    def interrupt(n_tokens: int) -> None:
        done.append(n_tokens)
        if len(done) == stop_after:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(CountingStream(acts_file), saes, tmp_path / "shards", progress=interrupt)
    stream = CountingStream(acts_file)
    store = run(stream, saes, tmp_path / "shards")
    assert [start for start, _ in stream.reads] == [2 * n for n in range(stop_after, N_SHARDS)]
    assert contents(store) == contents(undisturbed)


def killed_run(acts_file: Path, saes: list[LoadedSae], root: Path, n_shards: int) -> None:
    """Run in another process until it has written some shards, and kill it while it works on."""
    with warnings.catch_warnings():
        # Newer Pythons warn of forks beside threads; the child uses none (see `one_thread`).
        warnings.simplefilter("ignore", DeprecationWarning)
        child = os.fork()
    if child == 0:
        run(CountingStream(acts_file), saes, root, progress=lambda n: take_time(0.02))
        os._exit(0)
    wait_until(lambda: len(list(root.rglob(f"{TOKEN_FOLDER}/*.safetensors"))) >= n_shards, every_s=0.001)
    os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.parametrize("n_shards", [1, 3, 6])
def test_after_kill_9_the_shards_are_those_of_an_undisturbed_run(
    tmp_path: Path, acts_file: Path, saes: list[LoadedSae], n_shards: int
) -> None:
    undisturbed = contents(run(CountingStream(acts_file), saes, tmp_path / "undisturbed"))
    killed_run(acts_file, saes, tmp_path / "shards", n_shards)
    stream = CountingStream(acts_file)
    store = run(stream, saes, tmp_path / "shards")
    assert 0 < len(stream.reads) <= N_SHARDS - n_shards
    assert contents(store) == undisturbed


def test_a_later_sae_reuses_the_tokens(tmp_path: Path, acts_file: Path, saes: list[LoadedSae]) -> None:
    store = run(CountingStream(acts_file), saes[:1], tmp_path / "shards")
    before = {path: path.stat().st_mtime_ns for path in store.folder.rglob("*.safetensors")}
    run(CountingStream(acts_file), saes, tmp_path / "shards")
    after = {path: path.stat().st_mtime_ns for path in store.folder.rglob("*.safetensors")}
    assert {path: after[path] for path in before} == before
    assert {path.parent.name for path in set(after) - set(before)} == {saes[1].shard_key}
    assert len(after) == len(before) + N_SHARDS


def test_a_longer_run_reuses_a_shorter_ones_shards(tmp_path: Path, acts_file: Path, saes: list[LoadedSae]) -> None:
    undisturbed = run(CountingStream(acts_file), saes, tmp_path / "undisturbed")
    run(CountingStream(acts_file, n_tokens=1000), saes, tmp_path / "shards")
    stream = CountingStream(acts_file)
    store = run(stream, saes, tmp_path / "shards")
    assert [start for start, _ in stream.reads] == [2 * n for n in range(3, N_SHARDS)]
    shards = plan_shards(stream.rows, 2)
    for sae in saes:
        ours, theirs = all_acts(store, sae, shards), all_acts(undisturbed, sae, shards)
        np.testing.assert_array_equal(ours.latent, theirs.latent)
        np.testing.assert_array_equal(ours.value, theirs.value)


@pytest.mark.parametrize("rows_per_shard", [1, 3, 64])
def test_the_size_of_a_shard_changes_nothing(
    tmp_path: Path, acts_file: Path, saes: list[LoadedSae], rows_per_shard: int
) -> None:
    stream = CountingStream(acts_file)
    by_two = run(stream, saes, tmp_path / "two")
    store, shards = ShardStore(tmp_path / "other", stream.key), plan_shards(stream.rows, rows_per_shard)
    run_shards(stream, saes, store, shards)
    for sae in saes:
        ours, theirs = all_acts(store, sae, shards), all_acts(by_two, sae, plan_shards(stream.rows, 2))
        np.testing.assert_array_equal(ours.indptr, theirs.indptr)
        np.testing.assert_array_equal(ours.latent, theirs.latent)
        np.testing.assert_array_equal(ours.row * 128 + ours.position, theirs.row * 128 + theirs.position)
        np.testing.assert_allclose(ours.value, theirs.value, rtol=1e-4, atol=1e-5)


def test_an_sae_of_another_width_stops_it_before_the_first_shard(tmp_path: Path, acts_file: Path) -> None:
    wide = load_sae(str(save_sae(tmp_path / "wide", d_in=20)))
    with pytest.raises(SaeError, match="wide: reads activations of width 20"):
        run(CountingStream(acts_file), [wide], tmp_path / "shards")
    assert list((tmp_path / "shards").rglob("*.safetensors")) == []

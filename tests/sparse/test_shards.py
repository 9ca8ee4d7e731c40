from __future__ import annotations

import errno
import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from app.activations.batch import TokenRows
from app.errors import ShardError
from app.sparse.csr import SparseActs
from app.sparse.shards import TOKEN_FOLDER, Shard, ShardStore, TokenShard, plan_shards
from tests.small_disk import SmallDisk

ROOT = Path(__file__).parents[2]
SAE = "an-sae"
NO_INPUTS = (np.zeros(0, dtype=np.int64), np.zeros((0, 3), dtype=np.float16), 1.0)


def make_rows(n_rows: int = 4, row_length: int = 8, seed: int = 0) -> TokenRows:
    rng = np.random.default_rng(seed)
    keep = rng.random((n_rows, row_length)) < 0.7
    keep[:, 0] = False
    return TokenRows(rng.integers(-1, 1000, (n_rows, row_length), dtype=np.int32), keep)


def make_acts(rows: TokenRows, start: int = 0, n_latents: int = 50, seed: int = 0) -> SparseActs:
    rng = np.random.default_rng(seed)
    row, position = np.nonzero(rows.keep)
    active = [np.sort(rng.choice(n_latents, rng.integers(0, 6), replace=False)) for _ in row]
    indptr = np.cumsum([0, *map(len, active)])
    return SparseActs(
        indptr=indptr.astype(np.int64),
        latent=np.concatenate(active).astype(np.int32),
        value=rng.random(indptr[-1], dtype=np.float32) + 0.01,
        row=row + start,
        position=position.astype(np.int32),
        n_latents=n_latents,
    )


def assert_same(one: SparseActs, other: SparseActs) -> None:
    for name in ("indptr", "latent", "value", "row", "position"):
        ours, theirs = getattr(one, name), getattr(other, name)
        assert ours.dtype == theirs.dtype
        np.testing.assert_array_equal(ours, theirs)
    assert one.n_latents == other.n_latents


def shard_of(rows: TokenRows, start: int = 0) -> Shard:
    return Shard(start, start + len(rows), rows.n_kept)


def test_shards_are_runs_of_rows_that_make_up_the_stream() -> None:
    rows = make_rows(n_rows=70)
    shards = plan_shards(rows, rows_per_shard=16)
    assert [(shard.start, shard.stop) for shard in shards] == [(0, 16), (16, 32), (32, 48), (48, 64), (64, 70)]
    assert [shard.n_tokens for shard in shards] == [int(rows.keep[s.start : s.stop].sum()) for s in shards]
    assert len({shard.file_name for shard in shards}) == 5


def test_a_run_of_rows_without_a_token_is_no_shard() -> None:
    rows = make_rows(n_rows=6)
    rows.keep[2:4] = False
    assert [(shard.start, shard.stop) for shard in plan_shards(rows, rows_per_shard=2)] == [(0, 2), (4, 6)]
    rows.keep[:] = False
    assert plan_shards(rows) == []


def test_a_longer_streams_shards_begin_with_the_shorter_ones() -> None:
    """So that a longer run reuses what a shorter one wrote; only a shard that was cut short is another."""
    rows = make_rows(n_rows=40)
    longer = plan_shards(rows, rows_per_shard=8)
    for n_tokens in (30, 60, 100):
        shorter = plan_shards(rows.limited(n_tokens), rows_per_shard=8)
        assert shorter[:-1] == longer[: len(shorter) - 1]
        assert shorter[-1].file_name != longer[len(shorter) - 1].file_name


@pytest.mark.parametrize("start", [0, 128])
def test_what_is_written_is_read(tmp_path: Path, start: int) -> None:
    rows = make_rows()
    shard, acts = shard_of(rows, start), make_acts(rows, start)
    tokens = TokenShard(rows, np.arange(3) / 7, 123.456, np.array([0, 2]), np.ones((2, 3), dtype=np.float16), 1.5)
    store = ShardStore(tmp_path, "stream")
    assert not store.has_tokens(shard)
    assert not store.has_acts(shard, SAE)
    store.write_tokens(shard, tokens)
    store.write_acts(shard, SAE, acts, np.array([3.5, 1 / 3]))
    assert store.has_tokens(shard)
    assert store.has_acts(shard, SAE)
    assert not store.has_acts(shard, "another")
    read = ShardStore(tmp_path, "stream").read_tokens(shard)
    np.testing.assert_array_equal(read.rows.ids, rows.ids)
    np.testing.assert_array_equal(read.rows.keep, rows.keep)
    assert read.rows.keep.dtype == np.bool_
    np.testing.assert_array_equal(read.sum_acts, tokens.sum_acts)
    assert read.sum_squares == 123.456
    np.testing.assert_array_equal(read.input_token, [0, 2])
    np.testing.assert_array_equal(read.inputs, tokens.inputs)
    assert read.inputs.dtype == np.float16
    assert read.input_scale == 1.5
    read_acts, residual = store.read_acts(shard, SAE, read.rows)
    assert_same(read_acts, acts)
    assert residual.tolist() == [3.5, 1 / 3]
    assert [path.name for path in tmp_path.rglob("*") if "partial" in path.name] == []


def test_a_shard_without_an_active_latent(tmp_path: Path) -> None:
    rows = make_rows()
    silent = make_acts(rows).select(0)
    store = ShardStore(tmp_path, "stream")
    store.write_acts(shard_of(rows), SAE, silent, np.array([1.0]))
    read, _ = store.read_acts(shard_of(rows), SAE, rows)
    assert_same(read, silent)


def test_streams_and_saes_do_not_mix(tmp_path: Path) -> None:
    rows = make_rows()
    ShardStore(tmp_path, "stream").write_acts(shard_of(rows), SAE, make_acts(rows), np.array([1.0]))
    assert not ShardStore(tmp_path, "other").has_acts(shard_of(rows), SAE)


def test_the_description_is_json_for_people(tmp_path: Path) -> None:
    description = {"model": "a model", "hook_name": "model.layers.8", "row_length": 128}
    ShardStore(tmp_path, "stream").describe(description)
    assert json.loads((tmp_path / "stream" / "stream.json").read_text()) == description


@pytest.mark.parametrize("content", [b"", b"nonsense", b"\x00" * 4096, "truncated"])
def test_a_shard_that_can_not_be_read_says_what_to_do(tmp_path: Path, content: bytes | str) -> None:
    rows = make_rows()
    shard, store = shard_of(rows), ShardStore(tmp_path, "stream")
    store.write_acts(shard, SAE, make_acts(rows), np.array([1.0]))
    path = tmp_path / "stream" / SAE / shard.file_name
    path.write_bytes(content if isinstance(content, bytes) else path.read_bytes()[:-8])
    with pytest.raises(
        ShardError, match=r"can't be read; delete the file and run the same command again \(.*\)"
    ) as caught:
        store.read_acts(shard, SAE, rows)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_file_of_another_kind_is_no_shard(tmp_path: Path) -> None:
    rows = make_rows()
    shard, store = shard_of(rows), ShardStore(tmp_path, "stream")
    store.write_tokens(shard, TokenShard(rows, np.zeros(3), 1.0, *NO_INPUTS))
    (tmp_path / "stream" / SAE).mkdir()
    (tmp_path / "stream" / TOKEN_FOLDER / shard.file_name).rename(tmp_path / "stream" / SAE / shard.file_name)
    with pytest.raises(ShardError, match="delete the file and run the same command again") as caught:
        store.read_acts(shard, SAE, rows)
    assert str(tmp_path / "stream" / SAE / shard.file_name) in str(caught.value)


def test_a_shard_of_other_tokens_is_refused(tmp_path: Path) -> None:
    rows = make_rows()
    others = rows.limited(rows.n_kept - 1)
    shard, store = shard_of(rows), ShardStore(tmp_path, "stream")
    store.write_acts(shard, SAE, make_acts(rows), np.array([1.0]))
    with pytest.raises(ShardError, match="expected the same number of each; delete the shard and run") as caught:
        store.read_acts(shard, SAE, others)
    assert str(tmp_path / "stream" / SAE / shard.file_name) in str(caught.value)


def test_a_missing_shard_is_an_error_too(tmp_path: Path) -> None:
    rows = make_rows()
    with pytest.raises(ShardError, match="this shard can't be read"):
        ShardStore(tmp_path, "stream").read_tokens(shard_of(rows))


def test_a_folder_that_can_not_be_made_is_explained(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    rows = make_rows()
    with pytest.raises(ShardError, match="can't be written") as caught:
        ShardStore(tmp_path / "file", "stream").write_tokens(
            shard_of(rows), TokenShard(rows, np.zeros(3), 1.0, *NO_INPUTS)
        )
    assert "\n" not in str(caught.value)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 256 KiB."""
    with SmallDisk(tmp_path / "disk", 256) as disk:
        yield disk.folder


def test_a_full_disk_says_what_to_free_and_leaves_nothing_half_written(small_disk: Path) -> None:
    rows = make_rows(n_rows=64, row_length=128)
    acts, store = make_acts(rows), ShardStore(small_disk, "stream")
    written: list[Shard] = []

    def write_until_full() -> None:
        for start in range(0, 64 * 10, 64):
            shard = shard_of(rows, start)
            store.write_acts(shard, SAE, acts, np.array([1.0]))
            written.append(shard)

    with pytest.raises(
        ShardError, match=r"the disk is full \([\d,]+ bytes to write, [\d,]+ free\); free some"
    ) as caught:
        write_until_full()
    assert caught.value.__cause__.errno == errno.ENOSPC  # type: ignore[union-attr]
    assert written
    assert str(small_disk) in str(caught.value)
    files = [path.name for path in small_disk.rglob("*") if path.is_file()]
    assert sorted(files) == [shard.file_name for shard in written]
    for shard in written:
        assert_same(store.read_acts(shard, SAE, rows)[0], make_acts(rows, shard.start))


WRITE_WITHOUT_END = """
import sys
from itertools import count
from pathlib import Path
import numpy as np
from app.sparse.shards import Shard, ShardStore
from app.sparse.csr import SparseActs

store = ShardStore(Path(sys.argv[1]), "stream")
n_tokens, n_latents = 4096, 64
for start in count():
    latent = np.tile(np.arange(n_latents, dtype=np.int32), n_tokens)
    acts = SparseActs(
        indptr=np.arange(n_tokens + 1) * n_latents,
        latent=latent,
        value=np.full(len(latent), start + 1, dtype=np.float32),
        row=np.full(n_tokens, start),
        position=np.arange(n_tokens, dtype=np.int32),
        n_latents=n_latents,
    )
    store.write_acts(Shard(start, start + 1, n_tokens), "an-sae", acts, np.array([float(start)]))
"""
"""Shards of 2 MB, filled with their own number plus one."""


@pytest.mark.slow
def test_a_killed_writer_leaves_whole_shards_only(tmp_path: Path) -> None:
    folder = tmp_path / "stream" / SAE
    with subprocess.Popen([sys.executable, "-c", WRITE_WITHOUT_END, str(tmp_path)], cwd=ROOT) as writer:
        try:
            deadline = time.monotonic() + 120
            while len(list(folder.glob("*.safetensors"))) < 12 or not list(folder.glob("*.partial")):
                assert writer.poll() is None
                assert time.monotonic() < deadline
        finally:
            writer.send_signal(signal.SIGKILL)
    visible = sorted(folder.glob("*.safetensors"))
    assert len(visible) >= 12
    rows = TokenRows(np.zeros((1, 4096), dtype=np.int32), np.ones((1, 4096), dtype=np.bool_))
    store = ShardStore(tmp_path, "stream")
    for start, path in enumerate(visible):
        shard = Shard(start, start + 1, 4096)
        assert path.name == shard.file_name
        acts, residual = store.read_acts(shard, SAE, rows)
        assert len(acts.value) == 4096 * 64
        assert (acts.value == start + 1).all()
        assert residual.tolist() == [start]

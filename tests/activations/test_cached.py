from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import datasets
import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from safetensors.torch import save_file

from app.activations.batch import NO_TOKEN, ActivationBatch
from app.activations.cached import open_activations
from app.activations.stream import ActivationStream
from app.errors import ActivationsError

D_IN = 3
ROW_LENGTH = 128
HOOK = "blocks.8.hook_resid_post"


def save(path: Path, **tensors: torch.Tensor) -> Path:
    save_file(tensors, path)
    return path


def random_acts(n_tokens: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(n_tokens, D_IN, generator=torch.Generator().manual_seed(seed))


def read_all(stream: ActivationStream) -> list[ActivationBatch]:
    return list(stream.batches(0, len(stream.rows)))


@pytest.mark.parametrize("n_tokens", [1, 127, 128, 129, 2048, 5000])
@pytest.mark.parametrize("with_tokens", [True, False])
def test_a_file_is_read_whole_and_in_order(tmp_path: Path, n_tokens: int, with_tokens: bool) -> None:
    acts = random_acts(n_tokens)
    tokens = torch.arange(n_tokens) + 7
    path = save(tmp_path / "a.safetensors", activations=acts, **({"tokens": tokens} if with_tokens else {}))
    stream = open_activations(str(path))
    batches = read_all(stream)
    assert stream.d_in == D_IN
    assert stream.rows.n_kept == n_tokens
    assert torch.equal(torch.cat([batch.acts for batch in batches]), acts)
    flat = np.concatenate([batch.row * ROW_LENGTH + batch.position for batch in batches])
    np.testing.assert_array_equal(flat, np.arange(n_tokens))
    ids = stream.rows.ids.reshape(-1)
    assert (ids[:n_tokens] == (tokens.numpy() if with_tokens else NO_TOKEN)).all()
    assert (ids[n_tokens:] == NO_TOKEN).all()


def test_any_rows_can_be_read(tmp_path: Path) -> None:
    acts = random_acts(5000)
    stream = open_activations(str(save(tmp_path / "a.safetensors", activations=acts)))
    for start, stop in [(0, 1), (3, 30), (38, 40), (39, 40)]:
        batches = list(stream.batches(start, stop))
        assert torch.equal(torch.cat([batch.acts for batch in batches]), acts[start * 128 : stop * 128])
        assert batches[0].first_row == start
        assert batches[0].row[0] == start


@pytest.mark.parametrize("n_tokens", [1, 128, 129, 300, 10_000])
def test_no_more_tokens_are_read_than_asked_for(tmp_path: Path, n_tokens: int) -> None:
    acts = random_acts(300)
    stream = open_activations(str(save(tmp_path / "a.safetensors", activations=acts)), n_tokens=n_tokens)
    read = torch.cat([batch.acts for batch in read_all(stream)])
    assert torch.equal(read, acts[:n_tokens])
    assert stream.rows.n_kept == len(read)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_activations_come_as_float32(tmp_path: Path, dtype: torch.dtype) -> None:
    acts = random_acts(10).to(dtype)
    stream = open_activations(str(save(tmp_path / "a.safetensors", activations=acts)))
    (batch,) = read_all(stream)
    assert batch.acts.dtype == torch.float32
    assert torch.equal(batch.acts, acts.float())


def test_the_key_is_of_the_content(tmp_path: Path) -> None:
    path = save(tmp_path / "a.safetensors", activations=random_acts(300))
    stream = open_activations(str(path))
    assert stream.description["activations_checksum"] == hashlib.sha256(path.read_bytes()).hexdigest()
    renamed = shutil.copy(path, tmp_path / "b.safetensors")
    assert open_activations(str(renamed)).key == stream.key
    assert open_activations(str(path), n_tokens=10).key == stream.key
    save(path, activations=random_acts(300, seed=1))
    assert open_activations(str(path)).key != stream.key


def nan_at(n: int) -> torch.Tensor:
    acts = random_acts(5000)
    acts[n, 1] = float("nan")
    return acts


def truncate(path: Path) -> None:
    save(path, activations=random_acts(300))
    path.write_bytes(path.read_bytes()[:-10])


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda path: None, "no such file; expected a .safetensors file or a cached-activations folder"),
        (lambda path: path.write_text("not safetensors"), "not a readable safetensors file"),
        (lambda path: path.write_bytes(b""), "not a readable safetensors file"),
        (truncate, "not a readable safetensors file"),
        (lambda path: save(path, acts=random_acts(3)), r"has tensors \['acts'\]; expected one named \"activations\""),
        (lambda path: save(path, activations=torch.zeros(6)), r"shape \[6\]; expected \[n_tokens, d_in\]"),
        (lambda path: save(path, activations=torch.zeros(2, 3, 4)), r"shape \[2, 3, 4\]; expected \[n_tokens, d_in\]"),
        (lambda path: save(path, activations=torch.zeros(0, 3)), r"shape \[0, 3\]; expected \[n_tokens, d_in\]"),
        (lambda path: save(path, activations=torch.zeros(3, 0)), r"shape \[3, 0\]; expected \[n_tokens, d_in\]"),
        (
            lambda path: save(path, activations=random_acts(3), tokens=torch.arange(4)),
            r"tokens have shape \[4\] and dtype torch.int64; expected \[3\] whole numbers",
        ),
        (
            lambda path: save(path, activations=random_acts(3), tokens=torch.ones(3, dtype=torch.bfloat16)),
            r"dtype torch.bfloat16; expected \[3\] whole numbers",
        ),
        (lambda path: save(path, activations=nan_at(0)), "NaN or infinite activations in rows 0 to 15"),
        (lambda path: save(path, activations=nan_at(4999)), "NaN or infinite activations in rows 32 to 39"),
        (lambda path: save(path, activations=torch.full((3, 2), float("inf"))), "NaN or infinite activations"),
    ],
)
def test_a_file_that_does_not_fit_is_explained_in_one_line(
    tmp_path: Path, make: Callable[[Path], Any], message: str
) -> None:
    path = tmp_path / "a.safetensors"
    make(path)
    with pytest.raises(ActivationsError, match=message) as caught:
        read_all(open_activations(str(path)))
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def cached_dataset(
    folder: Path, *, seed: int = 0, n_rows: int = 20, row_length: int = 8, with_tokens: bool = True
) -> tuple[NDArray[np.float32], NDArray[np.int32]]:
    """A dataset with the features and the shards of SAELens' `CacheActivationsRunner`, put together by it."""
    from sae_lens import CacheActivationsRunner

    rng = np.random.default_rng(seed)
    acts = rng.standard_normal((n_rows, row_length, D_IN)).astype(np.float32)
    ids = rng.integers(0, 1000, (n_rows, row_length), dtype=np.int32)
    features = {
        HOOK: datasets.Array2D(shape=(row_length, D_IN), dtype="float32"),
        "token_ids": datasets.Sequence(datasets.Value(dtype="int32"), length=row_length),
    }
    columns = {HOOK: acts, "token_ids": ids} if with_tokens else {HOOK: acts}
    dataset = datasets.Dataset.from_dict(
        columns, features=datasets.Features({name: features[name] for name in columns})
    )
    shards = folder / ".tmp_shards"
    for number, start in enumerate(range(0, n_rows, 7)):
        shard = dataset.select(range(start, min(start + 7, n_rows)))
        shard.save_to_disk(shards / f"shard_{number:05d}", num_shards=1)
    CacheActivationsRunner._consolidate_shards(shards, folder, copy_files=False)
    return acts, ids


def test_a_dataset_of_saelens_is_read_without_the_first_positions(tmp_path: Path) -> None:
    acts, ids = cached_dataset(tmp_path / "cached")
    stream = open_activations(str(tmp_path / "cached"))
    batches = read_all(stream)
    assert stream.d_in == D_IN
    np.testing.assert_array_equal(stream.rows.ids, ids)
    read = torch.cat([batch.acts for batch in batches])
    np.testing.assert_array_equal(read.numpy(), acts[:, 1:].reshape(-1, D_IN))
    row = np.concatenate([batch.row for batch in batches])
    position = np.concatenate([batch.position for batch in batches])
    np.testing.assert_array_equal(row, np.repeat(np.arange(20), 7))
    np.testing.assert_array_equal(position, np.tile(np.arange(1, 8), 20))
    assert [batch.first_row for batch in batches] == [0, 16]
    (batch,) = stream.batches(18, 20)
    np.testing.assert_array_equal(batch.acts.numpy(), acts[18:, 1:].reshape(-1, D_IN))


def test_a_dataset_can_be_read_in_part(tmp_path: Path) -> None:
    acts, _ = cached_dataset(tmp_path / "cached")
    stream = open_activations(str(tmp_path / "cached"), n_tokens=10)
    read = torch.cat([batch.acts for batch in read_all(stream)])
    np.testing.assert_array_equal(read.numpy(), acts[:, 1:].reshape(-1, D_IN)[:10])


def test_a_dataset_may_have_no_tokens(tmp_path: Path) -> None:
    cached_dataset(tmp_path / "cached", with_tokens=False)
    stream = open_activations(str(tmp_path / "cached"))
    assert (stream.rows.ids == NO_TOKEN).all()
    assert stream.rows.n_kept == 140


def test_the_key_of_a_dataset_is_of_the_content(tmp_path: Path) -> None:
    keys = []
    for seed in (0, 1, 0):
        shutil.rmtree(tmp_path / "cached", ignore_errors=True)
        cached_dataset(tmp_path / "cached", seed=seed)
        keys.append(open_activations(str(tmp_path / "cached")).key)
    assert keys[0] == keys[2] != keys[1]
    shutil.move(tmp_path / "cached", tmp_path / "moved")
    assert open_activations(str(tmp_path / "moved")).key == keys[0]


def plain(**columns: list[Any]) -> Callable[[Path], None]:
    return lambda path: datasets.Dataset.from_dict(columns).save_to_disk(path)


def splits(path: Path) -> None:
    datasets.DatasetDict({"train": datasets.Dataset.from_dict({"x": [[[1.0]]]})}).save_to_disk(path)


def truncated(path: Path) -> None:
    cached_dataset(path)
    for file in path.glob("*.arrow"):
        file.write_bytes(file.read_bytes()[:-300])


def with_nan(path: Path) -> None:
    plain(x=[[[1.0, 2.0], [float("nan"), 2.0]]])(path)


ROWS = [[[1.0, 2.0]] * 3] * 2


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (Path.mkdir, "not a cached-activations dataset"),
        (truncated, "not a cached-activations dataset"),
        (splits, r"has splits \['train'\]; expected the folder of one of them"),
        (plain(token_ids=[[1, 2]]), r"has columns \['token_ids'\]; expected one hook's activations"),
        (plain(x=ROWS, y=ROWS), r"has columns \['x', 'y'\]; expected one hook's activations"),
        (plain(x=[1, 2]), r"column x holds Value\('int64'\); expected \[row_length, d_in\] numbers"),
        (plain(x=["a"]), r"column x holds Value\('string'\); expected \[row_length, d_in\] numbers"),
        (plain(x=ROWS, token_ids=[[1, 2, 3], [1, 2]]), "has rows whose token_ids are not 3"),
        (plain(x=[[[1.0, 2.0]] * 3, [[1.0, 2.0]] * 2]), "rows 0 to 1 are not all 3 activations of width 2"),
        (with_nan, "NaN or infinite activations in rows 0 to 0"),
    ],
)
def test_a_folder_that_does_not_fit_is_explained_in_one_line(
    tmp_path: Path, make: Callable[[Path], Any], message: str
) -> None:
    path = tmp_path / "cached"
    make(path)
    with pytest.raises(ActivationsError, match=message) as caught:
        read_all(open_activations(str(path)))
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)

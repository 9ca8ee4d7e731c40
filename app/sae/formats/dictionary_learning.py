"""Folders of dictionary_learning, and of SAEBench, whose SAEs were trained with it: `ae.pt` and `config.json`."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch

from app.errors import SaeError
from app.sae.formats.raw import RawSae, read_json, read_tensors, sae_config, take, take_turned

WEIGHTS_FILE = "ae.pt"
CONFIG_FILE = "config.json"

Tensors = dict[str, torch.Tensor]

_PLACES = {
    "resid_post": "hook_resid_post",
    "resid_pre": "hook_resid_pre",
    "mlp_out": "hook_mlp_out",
    "attention_out": "hook_attn_out",
    "attn_out": "hook_attn_out",
}


def read(folder: Path) -> RawSae:
    """An SAE of dictionary_learning.

    Raises:
        SaeError: its class is not supported, or its files do not fit together.
    """
    weights = folder / WEIGHTS_FILE
    config = read_json(folder / CONFIG_FILE)
    trainer, buffer = _part(config, "trainer"), _part(config, "buffer")
    kind = str(trainer.get("dict_class"))
    if kind not in _READERS:
        raise SaeError(
            f"is a {kind} of dictionary_learning, which is not supported; expected {', '.join(_READERS)}",
            place=folder,
        )
    tensors = read_tensors(weights)
    architecture, found, more = _READERS[kind](tensors, weights)
    metadata, notes = _metadata(trainer, buffer)
    metadata["training_architecture"] = kind
    if "group_sizes" in tensors:
        metadata["group_sizes"] = [int(size) for size in tensors["group_sizes"].flatten().tolist()]
    elif "group_sizes" in trainer:
        metadata["group_sizes"] = trainer["group_sizes"]
    if architecture == "jumprelu" and float(found["threshold"].min()) < 0:
        notes.append("its threshold was never set in training (it is below 0): every positive latent fires")
    return RawSae(sae_config(architecture, found, metadata, **more), found, weights, tuple(notes))


def _part(config: Mapping[str, Any], name: str) -> dict[str, Any]:
    part = config.get(name)
    return part if isinstance(part, dict) else {}


def _metadata(trainer: Mapping[str, Any], buffer: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """(what is known of model, hook and rows; notes)."""
    layer, name = trainer.get("layer"), trainer.get("submodule_name")
    match = re.fullmatch(r"(\w+?)_layer_(\d+)", str(name))
    notes = []
    if match is not None and match[1] in _PLACES:
        hook_name: str | None = f"blocks.{match[2]}.{_PLACES[match[1]]}"
    elif isinstance(layer, int):
        hook_name = f"blocks.{layer}.{'hook_resid_pre' if buffer.get('io') == 'in' else 'hook_resid_post'}"
        notes.append(f"its config names layer {layer} and no hook of ours ({name}): taken to read {hook_name}")
    else:
        hook_name = None
    lengths = buffer.get("ctx_len")
    known = {"model_name": trainer.get("lm_name"), "hook_name": hook_name, "context_size": lengths}
    return known, notes


def _linear(tensors: Tensors, path: Path, *bias: str) -> Tensors:
    """Encoder and decoder under either of their names; `nn.Linear` keeps them transposed."""
    if "W_enc" in tensors:
        w_enc, w_dec = tensors["W_enc"], take(tensors, path, "W_dec")
    else:
        w_enc, w_dec = take_turned(tensors, path, "encoder.weight"), take_turned(tensors, path, "decoder.weight")
    return {"W_enc": w_enc, "W_dec": w_dec, "b_dec": take(tensors, path, *bias)}


def _standard(tensors: Tensors, path: Path) -> tuple[str, Tensors, dict[str, Any]]:
    found = _linear(tensors, path, "b_dec", "bias")
    found["b_enc"] = take(tensors, path, "b_enc", "encoder.bias")
    return "standard", found, {"apply_b_dec_to_input": True}


def _standard_new(tensors: Tensors, path: Path) -> tuple[str, Tensors, dict[str, Any]]:
    found = _linear(tensors, path, "decoder.bias")
    found["b_enc"] = take(tensors, path, "encoder.bias")
    return "standard", found, {"apply_b_dec_to_input": False}


def _top_k(tensors: Tensors, path: Path) -> tuple[str, Tensors, dict[str, Any]]:
    _, found, more = _standard(tensors, path)
    return "topk", found, {**more, "k": int(take(tensors, path, "k").item())}


def _batch_top_k(tensors: Tensors, path: Path) -> tuple[str, Tensors, dict[str, Any]]:
    _, found, more = _standard(tensors, path)
    threshold = take(tensors, path, "threshold").float()
    found["threshold"] = threshold.expand(found["W_enc"].shape[1]).clone()
    return "jumprelu", found, more


def _jump_relu(tensors: Tensors, path: Path) -> tuple[str, Tensors, dict[str, Any]]:
    names = ("W_enc", "b_enc", "W_dec", "b_dec", "threshold")
    return "jumprelu", {name: take(tensors, path, name) for name in names}, {"apply_b_dec_to_input": False}


def _gated(tensors: Tensors, path: Path) -> tuple[str, Tensors, dict[str, Any]]:
    found = _linear(tensors, path, "decoder_bias")
    names = {"r_mag": "r_mag", "b_gate": "gate_bias", "b_mag": "mag_bias"}
    found |= {name: take(tensors, path, theirs) for name, theirs in names.items()}
    return "gated", found, {"apply_b_dec_to_input": True}


_READERS: Mapping[str, Callable[[Tensors, Path], tuple[str, Tensors, dict[str, Any]]]] = {
    "AutoEncoder": _standard,
    "AutoEncoderNew": _standard_new,
    "AutoEncoderTopK": _top_k,
    "BatchTopKSAE": _batch_top_k,
    "MatryoshkaBatchTopKSAE": _batch_top_k,
    "JumpReluAutoEncoder": _jump_relu,
    "GatedAutoEncoder": _gated,
}
"""Classes of dictionary_learning: what each is in SAELens."""

"""Gemma Scope, Gemma Scope 2 and Llama Scope: public SAEs in files of their own."""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import Any

import torch

from app.errors import SaeError
from app.sae.formats.raw import RawSae, read_json, read_tensors, sae_config, take, take_turned

GEMMA_WEIGHTS = "params.npz"
GEMMA_2_WEIGHTS = "params.safetensors"
LLAMA_CONFIG = "hyperparams.json"
LLAMA_WEIGHTS = "checkpoints/final.safetensors"

GEMMA_CONTEXT = 1024
"""Tokens per row that Gemma Scope's and Llama Scope's SAEs were trained on, with a beginning-of-sequence token."""

_JUMP_RELU = {"W_enc": ("W_enc", "w_enc"), "W_dec": ("W_dec", "w_dec")}
_JUMP_RELU |= {name: (name, name) for name in ("b_enc", "b_dec", "threshold")}


def read_gemma(folder: Path) -> RawSae:
    """An SAE of Gemma Scope; hook and model are in the names of its folder and repository.

    Raises:
        SaeError: its files do not fit together, or it is a transcoder.
    """
    where = str(folder.resolve())
    if "transcoder" in where:
        raise _transcoder("Gemma Scope", folder)
    weights = folder / GEMMA_WEIGHTS
    tensors = read_tensors(weights)
    found = {name: take(tensors, weights, *theirs) for name, theirs in _JUMP_RELU.items()}
    notes: tuple[str, ...] = ()
    if "embedding" in where:
        # They were trained on embeddings that Gemma multiplies by the root of their width.
        root = found["W_enc"].shape[0] ** 0.5
        found["W_enc"], found["W_dec"] = found["W_enc"] / root, found["W_dec"] * root
    scope = re.search(r"gemma-scope-(\d+b-(?:pt|it))-(res|mlp|att)", where)
    layer = re.search(r"layer_(\d+)", where)
    metadata: dict[str, Any] = {"context_size": GEMMA_CONTEXT, "prepend_bos": True}
    if scope is not None and layer is not None:
        places = {"res": "hook_resid_post", "mlp": "hook_mlp_out", "att": "attn.hook_z"}
        metadata["hook_name"] = f"blocks.{layer[1]}.{places[scope[2]]}"
        metadata["model_name"] = f"google/gemma-2-{scope[1].removesuffix('-pt')}"
    elif scope is None:
        notes = (
            "its path names no repository of Gemma Scope: its model and hook are not known; give --model and --hook",
        )
    return RawSae(sae_config("jumprelu", found, metadata), found, weights, notes)


def read_gemma_2(folder: Path) -> RawSae:
    """An SAE of Gemma Scope 2: `params.safetensors` and `config.json`.

    Raises:
        SaeError: its files do not fit together, or it is a transcoder.
    """
    weights, config = folder / GEMMA_2_WEIGHTS, read_json(folder / "config.json")
    if config.get("hf_hook_point_out") not in (None, config.get("hf_hook_point_in")):
        raise _transcoder("Gemma Scope 2", folder)
    if config.get("architecture") not in (None, "jump_relu"):
        raise SaeError(
            f"is of architecture {config['architecture']!r}; expected Gemma Scope 2's jump_relu", place=folder
        )
    tensors = read_tensors(weights)
    found = {name: take(tensors, weights, *theirs) for name, theirs in _JUMP_RELU.items()}
    model = config.get("model_name")
    metadata = {
        "model_name": _gemma_3(model) if isinstance(model, str) else None,
        "hook_name": config.get("hf_hook_point_in"),
        "context_size": GEMMA_CONTEXT,
        "prepend_bos": True,
    }
    return RawSae(sae_config("jumprelu", found, metadata), found, weights)


def _gemma_3(name: str) -> str:
    """A model's name on the Hub: the smallest one has no `-pt` behind it there."""
    name = name if "/" in name else f"google/{name}"
    name = name.replace("-v3", "-3")
    return name.replace("-pt", "") if "270m" in name else name


def read_llama(folder: Path) -> RawSae:
    """An SAE of Llama Scope, as SAELens converts it: the average norm of its inputs is folded into its weights.

    Raises:
        SaeError: its files do not fit together, it is a transcoder, or its activation is not supported.
    """
    config, weights = read_json(folder / LLAMA_CONFIG), folder / LLAMA_WEIGHTS
    place, out = config.get("hook_point_in"), config.get("hook_point_out")
    if out not in (None, place):
        raise _transcoder("Llama Scope", folder)
    if config.get("act_fn") != "jumprelu" or config.get("norm_activation") not in ("dataset-wise", "inference", "none"):
        said = f"act_fn {config.get('act_fn')!r}, norm_activation {config.get('norm_activation')!r}"
        raise SaeError(f"is of OpenMOSS with {said}; expected jumprelu and dataset-wise", place=folder)
    tensors = read_tensors(weights)
    scale = _scale(config, folder)
    w_enc = take_turned(tensors, weights, "encoder.weight")
    threshold = float(config["jump_relu_threshold"])
    found = {
        "W_enc": w_enc * scale,
        "b_enc": take(tensors, weights, "encoder.bias"),
        "W_dec": take_turned(tensors, weights, "decoder.weight") / scale,
        "b_dec": tensors.get("decoder.bias", torch.zeros(w_enc.shape[0])) / scale,
        "threshold": torch.full((w_enc.shape[1],), threshold * scale),
    }
    metadata = {"model_name": "meta-llama/Llama-3.1-8B", "hook_name": place, "context_size": GEMMA_CONTEXT}
    notes = ("its files name no model: taken to be Llama Scope's, meta-llama/Llama-3.1-8B; give --model for another",)
    return RawSae(sae_config("jumprelu", found, {**metadata, "prepend_bos": True}), found, weights, notes)


def _scale(config: dict[str, Any], folder: Path) -> float:
    """What inputs were multiplied by in training, to have a norm of the root of their width."""
    if config["norm_activation"] != "dataset-wise":
        return 1.0
    norms = config.get("dataset_average_activation_norm")
    norm = norms.get("in") if isinstance(norms, dict) else None
    if not isinstance(norm, int | float) or norm <= 0 or not isinstance(config.get("jump_relu_threshold"), int | float):
        raise SaeError(
            "lacks dataset_average_activation_norm or jump_relu_threshold, by which its inputs are scaled", place=folder
        )
    return math.sqrt(config["d_model"]) / float(norm)


def _transcoder(family: str, folder: Path) -> SaeError:
    return SaeError(
        f"is a transcoder of {family}: it reads one place and writes another; choose one of its SAEs",
        place=folder,
    )

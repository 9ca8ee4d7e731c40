"""Folders of EleutherAI's sparsify: `sae.safetensors` and `cfg.json`, named after the module that is read."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import torch

from app.errors import SaeError
from app.sae.formats.raw import RawSae, read_json, read_tensors, sae_config, take, take_turned

WEIGHTS_FILE = "sae.safetensors"
CONFIG_FILE = "cfg.json"

_PLACES = {"": "hook_resid_post", ".mlp": "hook_mlp_out", ".attn": "hook_attn_out", ".attention": "hook_attn_out"}
_PLACES[".self_attn"] = "hook_attn_out"


def read(folder: Path) -> RawSae:
    """An SAE of sparsify: encoder `[d_sae, d_in]`, decoder `[d_sae, d_in]`, TopK.

    Raises:
        SaeError: it is a transcoder, or of another activation than TopK, or its files do not fit together.
    """
    weights, config = folder / WEIGHTS_FILE, read_json(folder / CONFIG_FILE)
    tensors = read_tensors(weights)
    if problem := _why_not(config, tensors):
        raise SaeError(f"is a sparsify {problem}", place=folder)
    w_enc = tensors["W_enc"] if "W_enc" in tensors else take_turned(tensors, weights, "encoder.weight")
    d_in, d_sae = w_enc.shape
    found = {
        "W_enc": w_enc,
        "b_enc": take(tensors, weights, "encoder.bias", "b_enc"),
        "W_dec": _decoder(take(tensors, weights, "W_dec", "decoder.weight"), d_in, d_sae, folder),
        "b_dec": take(tensors, weights, "b_dec", "decoder.bias"),
    }
    if (named := config.get("num_latents")) not in (None, 0, d_sae):
        raise SaeError(f"has {d_sae} latents; {CONFIG_FILE} says {named}", place=folder)
    hook_name, notes = _hook(folder.name)
    metadata = {"model_name": _model(folder), "hook_name": hook_name, "training_architecture": "topk"}
    more = {"k": config.get("k"), "apply_b_dec_to_input": True}
    return RawSae(sae_config("topk", found, metadata, **more), found, weights, notes)


def _why_not(config: dict[str, Any], tensors: dict[str, torch.Tensor]) -> str | None:
    if config.get("transcode") or config.get("skip_connection") or "W_skip" in tensors:
        return "transcoder: it reads one place and writes another; choose one trained without transcode"
    if config.get("signed"):
        return "SAE with signed activations, but co-firing is defined only for positive ones"
    if config.get("activation", "topk") != "topk":
        return f"SAE of activation {config['activation']!r}, which is not supported; expected topk"
    return None


def _decoder(w_dec: torch.Tensor, d_in: int, d_sae: int, folder: Path) -> torch.Tensor:
    """`[d_sae, d_in]`, as sparsify keeps it; earlier conversions kept it the other way round."""
    if tuple(w_dec.shape) == (d_sae, d_in):
        return w_dec
    if tuple(w_dec.shape) == (d_in, d_sae):
        return w_dec.T
    raise SaeError(f"W_dec has shape {list(w_dec.shape)}; expected [{d_sae}, {d_in}]", place=folder)


def _hook(name: str) -> tuple[str | None, tuple[str, ...]]:
    """(hook that the folder's name means, notes): `layers.8` is a layer's output, `layers.8.mlp` its MLP's."""
    match = re.fullmatch(r"(?:.*\.)?(?:layers|h)[._](\d+)((?:\.\w+)*)", name)
    if match is None or match[2] not in _PLACES:
        if name == "embed_tokens":
            return "hook_embed", ()
        said = "the folder is not named after a layer, such as layers.8: its hook is not known; give --hook"
        return None, (said,)
    return f"blocks.{match[1]}.{_PLACES[match[2]]}", ()


def _model(folder: Path) -> str | None:
    """The model that the run's `config.json`, next to the layers' folders, names."""
    path = folder.parent / "config.json"
    named = read_json(path).get("model") if path.is_file() else None
    return named if isinstance(named, str) else None

"""SAELens folders whose fields and tensors are spelled otherwise: what is clear is read, what is not is refused."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from app.errors import PreflightError, SaeError

PREFIXES = ("module.", "_orig_mod.", "sae.", "model.")
"""What wrappers of PyTorch and trainers put in front of the names of tensors."""

NEEDED = ("W_enc", "W_dec", "b_dec")
SUPPORTED = ("standard", "topk", "jumprelu", "gated", "matching_pursuit", "batchtopk", "matryoshka_batchtopk")
WITH_ENCODER = ("standard", "topk", "jumprelu", "gated", "batchtopk", "matryoshka_batchtopk")
"""Architectures that have all of these tensors."""

FLAGS = ("apply_b_dec_to_input", "rescale_acts_by_decoder_norm")
RESHAPES = ("none", "hook_z")


def tidy_config(config: Mapping[str, Any], place: Path) -> dict[str, Any]:
    """A configuration in SAELens' own spelling.

    Raises:
        PreflightError: a field says something that SAELens does not have.
    """
    found = {**config, **({"metadata": {}} if config.get("metadata", {}) is None else {})}
    if isinstance(found.get("k"), float) and found["k"].is_integer():
        found["k"] = int(found["k"])
    for name in ("activation_fn", "activation_fn_str"):
        if isinstance(found.get(name), str) and found[name].lower() == "relu":
            found[name] = "relu"
    if isinstance(found.get("architecture"), str):
        found["architecture"] = _known(found["architecture"])
    problems = _problems(found)
    if problems:
        raise PreflightError(str(place), problems)
    return found


def _known(architecture: str) -> str:
    """The architecture in SAELens' spelling; as it is where it is none of its own."""
    return next((each for each in _architectures() if each == _plain(architecture)), architecture)


def _plain(name: str) -> str:
    return name.lower().replace("-", "_")


def _architectures() -> list[str]:
    from sae_lens.registry import SAE_CLASS_REGISTRY, SAE_TRAINING_CLASS_REGISTRY

    return sorted({*SAE_CLASS_REGISTRY, *SAE_TRAINING_CLASS_REGISTRY})


def _problems(config: Mapping[str, Any]) -> list[str]:
    problems = []
    known = _architectures()
    if (architecture := config.get("architecture")) is not None and architecture not in known:
        problems.append(f"architecture is {str(architecture)[:80]!r}; expected one of {', '.join(SUPPORTED)}")
    for name in FLAGS:
        if not isinstance(config.get(name), bool | None):
            problems.append(f"{name} is {str(config[name])[:80]!r}; expected true or false")
    if config.get("reshape_activations", "none") not in (*RESHAPES, None):
        problems.append(f"reshape_activations is {str(config['reshape_activations'])[:80]!r}; expected none or hook_z")
    metadata = config.get("metadata")
    hook = metadata.get("hook_name") if isinstance(metadata, Mapping) else config.get("hook_name")
    if isinstance(hook, list):
        problems.append(f"it reads {len(hook)} hooks, so it is a crosscoder; expected an SAE, which reads one")
    return problems


def tidy_tensors(
    tensors: Mapping[str, torch.Tensor], architecture: Any, place: Path
) -> tuple[dict[str, torch.Tensor], tuple[str, ...]]:
    """(tensors without the prefix that a wrapper gave them, what is worth a note).

    Raises:
        SaeError: one that its architecture has is missing.
    """
    prefix = next((each for each in PREFIXES if tensors and all(name.startswith(each) for name in tensors)), "")
    found = {name.removeprefix(prefix): tensor for name, tensor in tensors.items()}
    missing = [name for name in NEEDED if name not in found and architecture in WITH_ENCODER]
    if missing == ["W_enc"]:
        detail = "has no W_enc; if its encoder is tied to its decoder, save W_enc as the transpose of W_dec"
        raise SaeError(detail, place=place)
    if missing:
        there = ", ".join(sorted(found))[:200] or "none"
        raise SaeError(f"has no tensor {' and no '.join(missing)}; it has {' '.join(there.split())}", place=place)
    return found, (f"its tensors were named {prefix}…",) if prefix else ()

"""Whether what SAELens would run is what a configuration says: scales, norms, activation functions, k."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

NORMS = ("none", "layer_norm", "constant_norm_rescale", "expected_average_only_in", "covariance_whitening")
TO_BE_FOLDED = {
    "expected_average_only_in": "its inputs were scaled in training, and the scale is not folded into its weights",
    "covariance_whitening": "its inputs were whitened in training, and the whitening is not folded into its weights",
}
FOLD_REMEDY = (
    "save it with SAELens' save_inference_model at the end of training, or put the checkpoint's activation_scaler.json "
    "next to it"
)
TOP_K = ("topk", "abstopk")
RELU = ("relu", "standard", None)


def config_problems(config: Mapping[str, Any], tensors: Mapping[str, torch.Tensor], has_scaler: bool) -> list[str]:
    """What of a SAELens configuration would not be run as it says, one line each.

    Args:
        has_scaler: whether the scale of the inputs lies next to it.
    """
    checks = (
        _norm_problem(config, has_scaler),
        _activation_problem(config),
        _k_problem(config),
        _scaling_problem(config, tensors),
        _transcoder_problem(config),
    )
    return [problem for problem in checks if problem is not None]


def norm_notes(normalize: Any) -> list[str]:
    """What is worth knowing of a norm that SAELens applies to each token as it encodes."""
    if normalize == "layer_norm":
        return ["takes mean and standard deviation off each token before it encodes (layer_norm), as in SAELens"]
    if normalize == "constant_norm_rescale":
        return ["scales each token to a constant norm before it encodes (constant_norm_rescale), as in SAELens"]
    return []


def folding_problem(normalize: Any) -> str | None:
    """Why weights can't be used as they are; None where they can."""
    if normalize in TO_BE_FOLDED:
        return f"normalize_activations is {normalize}: {TO_BE_FOLDED[normalize]}; {FOLD_REMEDY}"
    return None


def _norm_problem(config: Mapping[str, Any], has_scaler: bool) -> str | None:
    normalize = config.get("normalize_activations")
    if isinstance(normalize, bool):
        normalize = "expected_average_only_in" if normalize else "none"
    if normalize is None:
        return None
    if normalize not in NORMS:
        return f"normalize_activations is {normalize!r}; expected one of {', '.join(NORMS)}"
    return None if has_scaler else folding_problem(normalize)


def _activation_problem(config: Mapping[str, Any]) -> str | None:
    """An activation function that would be replaced by another without a word."""
    said = config.get("activation_fn_str", config.get("activation_fn"))
    options = config.get("activation_fn_kwargs") or {}
    if isinstance(said, Mapping):
        said, options = said.get("name"), said
    architecture = config.get("architecture")
    if not isinstance(options, Mapping):
        return f"activation_fn_kwargs is {options!r}; expected an object"
    if options.get("signed") or options.get("postact_fn") not in (None, "relu", "ReLU"):
        return "its activations can be negative, but co-firing is defined only for positive ones"
    if said in ("topk", "TopK"):
        is_top_k = architecture in TOP_K or (architecture in RELU and options.get("k") is not None)
        return None if is_top_k else f"activation_fn is topk, but k is missing; architecture is {architecture!r}"
    if said not in RELU:
        return f"activation_fn is {said!r}, which would run as plain ReLU; expected relu or topk"
    return None


def _k_problem(config: Mapping[str, Any]) -> str | None:
    options = config.get("activation_fn_kwargs")
    k = config.get("k", options.get("k") if isinstance(options, Mapping) else None)
    nested = config.get("activation_fn")
    if k is None and isinstance(nested, Mapping):
        k = nested.get("k")
    if config.get("architecture") not in TOP_K and k is None:
        return None
    if config.get("architecture") not in (*TOP_K, *RELU):
        return None
    d_sae = config.get("d_sae")
    if k is None:
        return "k is missing: the number of active latents per token is not known (SAELens would take 100)"
    if isinstance(k, bool) or not isinstance(k, int) or k < 1 or (isinstance(d_sae, int) and k > d_sae):
        return f"k is {k!r}; expected a whole number from 1 to the {d_sae} latents"
    return None


def _scaling_problem(config: Mapping[str, Any], tensors: Mapping[str, torch.Tensor]) -> str | None:
    has_tensor = "scaling_factor" in tensors or "finetuning_scaling_factor" in tensors
    if config.get("finetuning_scaling_factor") and not has_tensor:
        return "finetuning_scaling_factor is true, but there is no such tensor: its latents would be of the wrong size"
    if has_tensor and not all(bool((t == 1).all()) for name, t in tensors.items() if name.endswith("scaling_factor")):
        return "its latents are rescaled by a finetuning_scaling_factor, which is not supported; fold it into W_dec"
    return None


def _transcoder_problem(config: Mapping[str, Any]) -> str | None:
    metadata = config.get("metadata") if isinstance(config.get("metadata"), Mapping) else config
    assert isinstance(metadata, Mapping)
    place, out = metadata.get("hook_name"), metadata.get("hook_name_out")
    if out is not None and out != place and "transcoder" not in str(config.get("architecture")):
        return f"it reads {place} and writes {out}, so it is a transcoder; an SAE was expected"
    return None

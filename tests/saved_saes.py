"""Tiny real SAELens SAEs, saved as SAELens saves them."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Literal

import torch
from safetensors.torch import load_file, save_file

Architecture = Literal["standard", "topk", "jumprelu", "gated"]

D_IN = 16
D_SAE = 24
WIDTHS = (4, 12, 24)
"""Of the Matryoshka SAEs here; the last one is `D_SAE`."""
MODEL_NAME = "SmolLM2-135M-Instruct"
HOOK_NAME = "model.layers.8"

WEIGHTS_FILE = "sae_weights.safetensors"
CONFIG_FILE = "cfg.json"


def save_sae(
    folder: Path,
    architecture: Architecture = "standard",
    *,
    d_in: int = D_IN,
    d_sae: int = D_SAE,
    seed: int = 0,
    dtype: str = "float32",
    model_name: str | None = MODEL_NAME,
    hook_name: str | None = HOOK_NAME,
    **config: Any,
) -> Path:
    """Save a plain SAE with random weights; decoder rows have norms between 0.5 and 2.

    Args:
        folder: to be made.
        dtype: of the saved weights.
        config: more fields of the architecture's configuration, such as `k`.

    Returns:
        `folder`.
    """
    from sae_lens.registry import get_sae_class
    from sae_lens.saes.sae import SAEMetadata

    if architecture == "topk":
        config = {"k": 5, **config}
    metadata = SAEMetadata(model_name=model_name, hook_name=hook_name)
    sae_class, config_class = get_sae_class(architecture)
    sae = sae_class(config_class(d_in=d_in, d_sae=d_sae, metadata=metadata, **config))
    _randomise(sae, seed)
    sae.to(dtype=getattr(torch, dtype))
    sae.save_model(folder)
    return folder


def save_matryoshka(
    folder: Path,
    *,
    widths: Sequence[int] = WIDTHS,
    widths_in: Literal["metadata", "group_sizes", "nowhere"] = "metadata",
    d_in: int = D_IN,
    seed: int = 0,
    dtype: str = "float32",
    model_name: str | None = MODEL_NAME,
    hook_name: str | None = HOOK_NAME,
) -> Path:
    """Save a Matryoshka BatchTopK SAE with random weights, in the inference format (a JumpReLU SAE).

    Args:
        folder: to be made.
        widths: prefix widths; the last one is `d_sae`.
        widths_in: `metadata` as SAELens writes them now, `group_sizes` as dictionary_learning does,
            or `nowhere`, as older versions of SAELens do.

    Returns:
        `folder`.
    """
    from sae_lens import MatryoshkaBatchTopKTrainingSAE, MatryoshkaBatchTopKTrainingSAEConfig
    from sae_lens.saes.sae import SAEMetadata

    config = MatryoshkaBatchTopKTrainingSAEConfig(
        d_in=d_in,
        d_sae=widths[-1],
        k=5,
        matryoshka_widths=list(widths),
        device="cpu",
        metadata=SAEMetadata(model_name=model_name, hook_name=hook_name),
    )
    sae = MatryoshkaBatchTopKTrainingSAE(config)
    _randomise(sae, seed)
    sae.topk_threshold.fill_(0.5)
    sae.to(dtype=getattr(torch, dtype))
    sae.save_inference_model(folder)
    if widths_in != "metadata":
        metadata = json.loads((folder / CONFIG_FILE).read_text())["metadata"]
        del metadata["training_architecture_details"]
        if widths_in == "group_sizes":
            inner = [0, *widths[:-1]]
            metadata["group_sizes"] = [width - before for width, before in zip(widths, inner, strict=True)]
        edit_config(folder, metadata=metadata)
    return folder


def edit_config(folder: Path, **changes: Any) -> None:
    """Set fields of a saved SAE's configuration."""
    path = folder / CONFIG_FILE
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def edit_weights(folder: Path, edit: Callable[[dict[str, torch.Tensor]], object]) -> None:
    """Change a saved SAE's tensors: `edit` works on them in place."""
    path = folder / WEIGHTS_FILE
    tensors = {name: tensor.clone() for name, tensor in load_file(path).items()}
    edit(tensors)
    save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, path)


@torch.no_grad()
def _randomise(sae: Any, seed: int) -> None:
    """Encoder rows near their decoder rows, so that latents fire on some tokens and not on others."""
    generator = torch.Generator().manual_seed(seed)

    def normal(shape: Sequence[int]) -> torch.Tensor:
        return torch.randn(*shape, generator=generator)

    d_sae, d_in = sae.W_dec.shape
    directions = torch.nn.functional.normalize(normal((d_sae, d_in)), dim=1)
    norms = 0.5 + 1.5 * torch.rand(d_sae, 1, generator=generator)
    sae.W_dec.copy_(directions * norms)
    sae.W_enc.copy_((directions + 0.1 * normal((d_sae, d_in))).T)
    sae.b_dec.copy_(0.2 * normal((d_in,)))
    weights = dict(sae.named_parameters())
    for name in sorted({"b_enc", "b_gate", "b_mag", "r_mag"} & set(weights)):
        weights[name].copy_(0.2 * normal((d_sae,)))
    if "threshold" in weights:
        weights["threshold"].copy_(0.2 + 0.5 * torch.rand(d_sae, generator=generator))

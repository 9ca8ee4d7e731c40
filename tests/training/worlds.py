"""Activations of worlds with known features, and tiny SAEs trained on them."""

from __future__ import annotations

from pathlib import Path

import torch
from safetensors.torch import save_file

from app.activations.cache import CachedActivations
from app.training.train import Architecture, TrainingPlan

D_IN = 24
N_PARENTS = 4
BATCH_SIZE = 256


def write_world(path: Path, *, p_child: float, p_alone: float, n_tokens: int = 65_536, seed: int = 0) -> Path:
    """Eight orthogonal features: four parents that fire with probability 0.15, each with one child.

    Args:
        p_child: probability of the child on tokens with its parent.
        p_alone: on tokens without it; independent features have `p_child == p_alone`.

    Returns:
        the safetensors file, activations `[n_tokens, D_IN]` with features in random directions.
    """
    generator = torch.Generator().manual_seed(seed)
    directions = torch.linalg.qr(torch.randn(D_IN, D_IN, generator=generator))[0][: 2 * N_PARENTS]
    parents = torch.rand(n_tokens, N_PARENTS, generator=generator) < 0.15
    chance = torch.where(parents, p_child, p_alone)
    children = torch.rand(n_tokens, N_PARENTS, generator=generator) < chance
    fires = torch.cat([parents, children], dim=1)
    sizes = 1 + 0.1 * torch.randn(fires.shape, generator=generator)
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file({"activations": ((fires * sizes) @ directions).contiguous()}, path)
    return path


def stream(path: Path, seed: int = 0) -> CachedActivations:
    return CachedActivations(path, batch_size=BATCH_SIZE, seed=seed)


def plan(
    architecture: Architecture = "batchtopk",
    *,
    d_sae: int = N_PARENTS,
    widths: tuple[int, ...] = (),
    n_steps: int = 800,
    multiplier: float | None = None,
) -> TrainingPlan:
    return TrainingPlan(
        architecture=architecture,
        d_sae=d_sae,
        matryoshka_widths=widths,
        k=1,
        n_tokens=n_steps * BATCH_SIZE,
        batch_size=BATCH_SIZE,
        lr=3e-3,
        warm_up=0.05,
        decay=0.25,
        aux_loss_coefficient=1.0,
        dead_after_tokens=20 * BATCH_SIZE,
        model_name="none",
        hook_name="none",
        seed=0,
        multiplier=multiplier,
    )

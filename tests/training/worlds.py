"""Activations of worlds with known features, and tiny SAEs trained on them."""

from __future__ import annotations

from collections.abc import Sequence
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
    acts = sample_world((p_child,) * N_PARENTS, (p_alone,) * N_PARENTS, n_tokens=n_tokens, seed=seed)
    return write_acts(path, acts, seed=seed)


def features_of(seed: int = 0) -> torch.Tensor:
    """`[8, D_IN]` orthonormal directions of the features, parents first."""
    return _directions(torch.Generator().manual_seed(seed))


def _directions(generator: torch.Generator) -> torch.Tensor:
    directions: torch.Tensor = torch.linalg.qr(torch.randn(D_IN, D_IN, generator=generator))[0][: 2 * N_PARENTS]
    return directions


def sample_world(
    p_child: Sequence[float], p_alone: Sequence[float], *, n_tokens: int = 65_536, seed: int = 0
) -> torch.Tensor:
    """`[n_tokens, 8]` activations of the features, with probabilities for each child of its own."""
    generator = torch.Generator().manual_seed(seed)
    _directions(generator)
    parents = torch.rand(n_tokens, N_PARENTS, generator=generator) < 0.15
    chance = torch.where(parents, torch.tensor(p_child), torch.tensor(p_alone))
    children = torch.rand(n_tokens, N_PARENTS, generator=generator) < chance
    fires = torch.cat([parents, children], dim=1)
    return fires * (1 + 0.1 * torch.randn(fires.shape, generator=generator))


def write_acts(path: Path, acts: torch.Tensor, *, seed: int = 0) -> Path:
    """The activations file of features' activations."""
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file({"activations": (acts @ features_of(seed)).contiguous()}, path)
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


def save_narrow(folder: Path, mixed: Sequence[float], *, k: float = 0.6, hook_name: str = "none") -> Path:
    """Save a BatchTopK SAE with a latent for each parent, without training it.

    Args:
        mixed: how much of each parent's child its latent holds, relative to the parent.

    Returns:
        `folder`.
    """
    from sae_lens import BatchTopKTrainingSAE, BatchTopKTrainingSAEConfig
    from sae_lens.saes.sae import SAEMetadata

    metadata = SAEMetadata(model_name=None, hook_name=hook_name)
    sae = BatchTopKTrainingSAE(BatchTopKTrainingSAEConfig(d_in=D_IN, d_sae=N_PARENTS, k=k, metadata=metadata))
    features = features_of()
    rows = features[:N_PARENTS] + torch.tensor(mixed)[:, None] * features[N_PARENTS:]
    with torch.no_grad():
        sae.W_dec.copy_(rows / rows.norm(dim=1, keepdim=True))
        sae.W_enc.copy_(sae.W_dec.T)
        sae.b_dec.zero_()
        sae.topk_threshold.fill_(0.6)
    sae.save_inference_model(str(folder))
    return folder

"""A narrow SAE, a Matryoshka and a balanced Matryoshka SAE of one world, as ordinary files."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import save_file

from app.lab.worlds import World, WorldSpec
from app.training.train import DEFAULT_MULTIPLIER, Architecture, Batches, TrainingPlan, save, train

N_TRAIN = 300_000
"""Tokens sampled for training, gone through several times."""

N_SCORED = 49_152
BATCH_SIZE = 512
PERFECT = "perfect"
REFERENCES = ("matryoshka", "balanced", PERFECT)


@dataclass(frozen=True)
class TrainedWorld:
    """Where a world's SAEs and the tokens to score them on are.

    Attributes:
        narrow: folder of the narrow SAE; references: name -> folder.
        activations: safetensors file of inputs that no SAE was trained on.
        impurity: `[narrow]` 1 - max over features of cos² with the decoder row: the truth.
    """

    spec: WorldSpec
    narrow: Path
    references: dict[str, Path]
    activations: Path
    impurity: NDArray[np.float64]


class Pool:
    """Batches of a fixed set of inputs, in a new order each time through."""

    def __init__(self, inputs: torch.Tensor, seed: int) -> None:
        self._inputs = inputs
        self._random = torch.Generator().manual_seed(seed)
        self._order = torch.empty(0, dtype=torch.int64)
        self.d_in = inputs.shape[1]

    def __iter__(self) -> Iterator[torch.Tensor]:
        return self

    def __next__(self) -> torch.Tensor:
        if len(self._order) < BATCH_SIZE:
            self._order = torch.randperm(len(self._inputs), generator=self._random)
        batch, self._order = self._order[:BATCH_SIZE], self._order[BATCH_SIZE:]
        return self._inputs[batch]


def make_trained(spec: WorldSpec, folder: Path) -> TrainedWorld:
    """Sample a world, train its SAEs, write everything into a folder."""
    world = World(spec)
    features = torch.from_numpy(world.features)
    acts = world.sample(N_TRAIN, seed=spec.seed)
    inputs = acts @ features
    folder.mkdir(parents=True, exist_ok=True)
    narrow = folder / "narrow"
    train_narrow(spec, acts, inputs, narrow)
    firing = (acts > 0).float().mean(dim=0)
    references = {name: folder / name for name in REFERENCES}
    train_in("matryoshka-batchtopk", spec, inputs, float(firing.sum()), references["matryoshka"])
    train_in("balanced-matryoshka", spec, inputs, float(firing.sum()), references["balanced"])
    save_perfect(world.features, acts, references[PERFECT])
    activations = folder / "activations.safetensors"
    save_file({"activations": (world.sample(N_SCORED, seed=spec.seed + 1) @ features).contiguous()}, activations)
    return TrainedWorld(spec, narrow, references, activations, impurity_of(narrow, world.features))


def train_narrow(spec: WorldSpec, acts: torch.Tensor, inputs: torch.Tensor, folder: Path) -> None:
    """The world's narrow SAE, from the features' activations and the inputs that they make."""
    # It gets as many active latents as the features that it can hold: a smaller L0 would hedge too.
    strongest = acts.square().mean(dim=0).argsort(descending=True)[: spec.narrow]
    train_in("batchtopk", spec, inputs, float((acts[:, strongest] > 0).float().mean(dim=0).sum()), folder)


def train_in(
    architecture: Architecture,
    spec: WorldSpec,
    inputs: torch.Tensor,
    k: float,
    folder: Path,
    *,
    multiplier: float = DEFAULT_MULTIPLIER,
) -> None:
    """Train one of a world's SAEs and save it.

    Args:
        k: active latents per token, on average.
        multiplier: of a balanced Matryoshka SAE; others have none.
    """
    narrow = architecture == "batchtopk"
    plan = TrainingPlan(
        architecture=architecture,
        d_sae=spec.narrow if narrow else spec.widths[-1],
        matryoshka_widths=() if narrow else spec.widths,
        k=max(1.0, k),
        n_tokens=spec.n_steps * BATCH_SIZE,
        batch_size=BATCH_SIZE,
        lr=3e-3,
        warm_up=0.05,
        decay=0.33,
        aux_loss_coefficient=1.0,
        dead_after_tokens=100 * BATCH_SIZE,
        model_name="none",
        hook_name="none",
        seed=spec.seed,
        multiplier=multiplier if architecture == "balanced-matryoshka" else None,
    )
    train_quietly(plan, Pool(inputs, spec.seed), folder)


def train_quietly(plan: TrainingPlan, batches: Batches, folder: Path, *, frozen_decoder: bool = False) -> None:
    """Train an SAE and save it, without the progress bar that SAELens draws for each."""
    with quietly():
        sae = train(plan, batches, frozen_decoder=frozen_decoder)
    save(sae, plan, folder)


@contextmanager
def quietly() -> Iterator[None]:
    """Drop what is written to stderr meanwhile, such as progress bars."""
    with Path(os.devnull).open("w") as sink, redirect_stderr(sink):
        yield


def save_perfect(
    features: NDArray[np.float32], acts: torch.Tensor, folder: Path, *, b_dec: torch.Tensor | None = None
) -> None:
    """The SAE that knows the features: each its own latent, read off by the pseudo-inverse.

    Exact where there are at most as many features as dimensions. With more, other features show through,
    and a latent fires from a third of its feature's usual magnitude on.

    Args:
        b_dec: `[d_in]` what the inputs have besides features; nothing, if None.
    """
    from sae_lens import JumpReLUSAE, JumpReLUSAEConfig

    n_features, d_in = features.shape
    directions = torch.from_numpy(features)
    sae: Any = JumpReLUSAE(JumpReLUSAEConfig(d_in=d_in, d_sae=n_features, device="cpu"))
    usual = acts.sum(dim=0) / (acts > 0).sum(dim=0).clamp(min=1)
    with torch.no_grad():
        sae.W_dec.copy_(directions)
        sae.W_enc.copy_(torch.linalg.pinv(directions) if n_features <= d_in else directions.T)
        sae.b_enc.zero_()
        sae.b_dec.zero_() if b_dec is None else sae.b_dec.copy_(b_dec)
        sae.threshold.copy_(usual / 3)
    sae.save_model(str(folder))


def impurity_of(folder: Path, features: NDArray[np.float32]) -> NDArray[np.float64]:
    """`[d_sae]` 1 - max over features of cos² with the decoder row."""
    from app.sae.load import load_sae

    cosines = load_sae(str(folder)).unit_decoder.astype(np.float64) @ features.T
    impurity: NDArray[np.float64] = np.clip(1 - (cosines**2).max(axis=1), 0, 1)
    return impurity

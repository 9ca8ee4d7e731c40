"""Tiny SAEs on worlds of two to four features, trained with the classes and the trainer of real ones.

Source of the experiments: Chanin, Dulka & Garriga-Alonso, arXiv 2505.11756.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from app.arrays import Float64s
from app.lab.toy_worlds import ToyWorld
from app.records import ToyResult
from app.training.schedule import Schedule
from app.training.train import trainer_of

D_IN = 16
BATCH_SIZE = 1024
N_SAMPLES = 2_000_000
"""A tenth of it is too few: the encoder has not settled by then."""

LEARNING_RATE = 5e-3


@dataclass(frozen=True)
class Toy:
    """One tiny SAE and the world it is trained on.

    Attributes:
        name: in files and links.
        title, text: for people: what it is, and what it shows.
        features: names, as many as the world has.
        k: active latents a sample, on average.
        widths: Matryoshka prefix widths; empty for a plain SAE.
        multipliers: weights of the levels' losses, innermost first; as many as `widths`.
        expected: what theory predicts for the latents, from the first on; empty without a prediction.
        expected_b_dec: the same for the decoder bias; None without a prediction.
    """

    name: str
    title: str
    text: str
    world: ToyWorld
    features: tuple[str, ...]
    d_sae: int
    k: float
    widths: tuple[int, ...] = ()
    multipliers: tuple[float, ...] = ()
    expected: tuple[tuple[float, ...], ...] = ()
    expected_b_dec: tuple[float, ...] | None = None


@dataclass(frozen=True)
class TrainedToy:
    """What came out, in terms of the features.

    A plain SAE's latents have no order of their own: they are put in the order of the features that
    they are nearest to; those of a Matryoshka SAE only within their level.

    Attributes:
        decoder: `[d_sae, n_features]` cosine of each latent's decoder row to each feature.
        encoder: `[d_sae, n_features]` cosine of its encoder row.
        b_dec: `[n_features]` component of the decoder bias along each feature.
    """

    decoder: Float64s
    encoder: Float64s
    b_dec: Float64s


def train_toy(toy: Toy, *, seed: int = 0, n_samples: int = N_SAMPLES) -> TrainedToy:
    """Train a toy with SAELens' classes and trainer.

    Args:
        seed: of features' directions, initialisation and samples.
        n_samples: training samples, each seen once.
    """
    rng = np.random.default_rng(seed)
    directions = np.linalg.qr(rng.standard_normal((D_IN, D_IN)))[0][: toy.world.n_features]
    torch.manual_seed(seed)
    sae = _new_sae(toy)
    _start_at_mixtures(sae, directions, rng)
    plan = Schedule(
        n_tokens=n_samples,
        batch_size=BATCH_SIZE,
        lr=LEARNING_RATE,
        warm_up=0.02,
        decay=0.5,
        dead_after_tokens=20 * BATCH_SIZE,
        seed=seed,
    )
    trainer_of(sae, plan, _samples(toy.world, directions, rng), device="cpu").fit()
    decoder = _cosines(sae.W_dec.detach(), directions)
    order = _order(decoder, toy.widths or (toy.d_sae,))
    encoder = _cosines(sae.W_enc.detach().T, directions)
    return TrainedToy(decoder[order], encoder[order], sae.b_dec.detach().double().numpy() @ directions.T)


def _order(decoder: Float64s, widths: tuple[int, ...]) -> NDArray[np.intp]:
    """Latents of each level by the feature they are nearest to."""
    nearest = np.abs(decoder).argmax(axis=1)
    level = np.searchsorted(np.array(widths), np.arange(len(decoder)), side="right")
    return np.lexsort((nearest, level))


def _start_at_mixtures(sae: Any, directions: Float64s, rng: np.random.Generator) -> None:
    """Let latent l start at a random mixture of all features, feature l in the lead, with unit norm.

    Which feature a latent goes for, or even its absence, is otherwise a lottery of local optima.
    What is shown here is something else: what a latent takes in besides its own feature.
    """
    shape = sae.cfg.d_sae, len(directions)
    rows = torch.from_numpy((rng.uniform(0.2, 1, shape) + np.eye(*shape)) @ directions).float()
    with torch.no_grad():
        sae.W_dec.copy_(rows / rows.norm(dim=1, keepdim=True))
        sae.W_enc.copy_(sae.W_dec.T)


def _samples(world: ToyWorld, directions: Float64s, rng: np.random.Generator) -> Iterator[torch.Tensor]:
    table = (world.patterns @ directions).astype(np.float32)
    while True:
        yield torch.from_numpy(table[rng.choice(len(table), size=BATCH_SIZE, p=world.probabilities)])


def _cosines(rows: torch.Tensor, directions: Float64s) -> Float64s:
    """`[n, n_features]`; directions are orthonormal."""
    numbers: NDArray[np.float64] = rows.double().numpy()
    return np.asarray(numbers @ directions.T / np.linalg.norm(numbers, axis=1, keepdims=True))


def _new_sae(toy: Toy) -> Any:
    from sae_lens import BatchTopKTrainingSAE, BatchTopKTrainingSAEConfig

    from app.training.balanced import BalancedMatryoshkaTrainingSAE, BalancedMatryoshkaTrainingSAEConfig

    common: dict[str, Any] = {"d_in": D_IN, "d_sae": toy.d_sae, "k": toy.k, "device": "cpu"}
    if not toy.widths:
        return BatchTopKTrainingSAE(BatchTopKTrainingSAEConfig(**common))
    return BalancedMatryoshkaTrainingSAE(
        BalancedMatryoshkaTrainingSAEConfig(
            **common, matryoshka_widths=list(toy.widths), matryoshka_multipliers=list(toy.multipliers)
        )
    )


def result_of(toy: Toy, trained: TrainedToy) -> ToyResult:
    """The record that pages read."""
    world = toy.world
    return ToyResult(
        name=toy.name,
        title=toy.title,
        text=toy.text,
        features=toy.features,
        firing=_numbers(world.firing),
        patterns=tuple(tuple(int(on) for on in pattern) for pattern in world.patterns),
        probabilities=_numbers(world.probabilities),
        k=toy.k,
        widths=toy.widths,
        multipliers=toy.multipliers,
        decoder=tuple(map(_numbers, trained.decoder)),
        encoder=tuple(map(_numbers, trained.encoder)),
        b_dec=_numbers(trained.b_dec),
        expected=toy.expected,
        expected_b_dec=toy.expected_b_dec,
    )


def _numbers(values: Float64s) -> tuple[float, ...]:
    """Six digits: what training settles to is known to two."""
    return tuple(round(float(value), 6) for value in values)

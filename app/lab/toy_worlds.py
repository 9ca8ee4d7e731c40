"""Worlds of two to four features whose joint distribution is written out, and what theory predicts for them.

Feature hedging was first shown on such worlds: Chanin, Dulka & Garriga-Alonso, arXiv 2505.11756, the
sections on single-latent SAEs and on hierarchical features.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from app.arrays import Float64s


@dataclass(frozen=True)
class ToyWorld:
    """Features that fire or not, each with magnitude 1, in orthogonal directions.

    Attributes:
        patterns: `[n_patterns, n_features]` of 0 and 1, all that can occur.
        probabilities: `[n_patterns]`, positive, summing to 1.
    """

    patterns: Float64s
    probabilities: Float64s

    def __post_init__(self) -> None:
        if not np.isclose(self.probabilities.sum(), 1) or (self.probabilities <= 0).any():
            raise ValueError(f"probabilities {self.probabilities.tolist()}: expected positive ones that sum to 1")

    @property
    def n_features(self) -> int:
        """Number of features."""
        return int(self.patterns.shape[1])

    @property
    def firing(self) -> Float64s:
        """`[n_features]` probability of each feature."""
        return mean(self.patterns, self.probabilities)

    def sample(self, n: int, rng: np.random.Generator) -> Float64s:
        """`[n, n_features]` independent draws."""
        drawn: Float64s = self.patterns[rng.choice(len(self.patterns), size=n, p=self.probabilities)]
        return drawn


def world_of(table: Sequence[tuple[tuple[int, ...], float]]) -> ToyWorld:
    """A world from (pattern, probability) pairs; what has probability 0 is left out."""
    kept = [(pattern, p) for pattern, p in table if p > 0]
    return ToyWorld(
        np.array([pattern for pattern, _ in kept], dtype=np.float64), np.array([p for _, p in kept], dtype=np.float64)
    )


def pair_world(p1: float, p2: float, correlation: float = 0.0) -> ToyWorld:
    """Two features with these firing probabilities and this correlation of their firings (phi)."""
    both = p1 * p2 + correlation * float(np.sqrt(p1 * (1 - p1) * p2 * (1 - p2)))
    return world_of([((0, 0), 1 - p1 - p2 + both), ((1, 0), p1 - both), ((0, 1), p2 - both), ((1, 1), both)])


def family_world(parent: float, children: Sequence[float]) -> ToyWorld:
    """A parent, and children that fire with these probabilities where it does, independently of each other."""
    n = len(children)
    table = [((0,) * (n + 1), 1 - parent)]
    for code in range(2**n):
        fires = tuple((code >> bit) & 1 for bit in range(n))
        p = float(np.prod([c if on else 1 - c for c, on in zip(children, fires, strict=True)]))
        table.append(((1, *fires), parent * p))
    return world_of(table)


@dataclass(frozen=True)
class Optimum:
    """The best single latent among those that fire on given patterns.

    Attributes:
        decoder: `[n_features]` unit direction, positive towards the patterns it fires on.
        b_dec: `[n_features]`.
    """

    decoder: Float64s
    b_dec: Float64s


def best_single_latent(world: ToyWorld, fires: NDArray[np.bool_]) -> Optimum:
    """The decoder and bias of least squared error of an SAE with one latent, given where it fires.

    Where it is silent the reconstruction is b; where it fires it is b + z·d, and z may follow the
    input, so that the best z is the projection on d. Along d only the silent inputs need b, across d
    all inputs do:

        error(d) = P(silent)·Var(d·x | silent) + tr C − dᵀ C d

    with C the covariance of x. So d is the first eigenvector of `C − P(silent)·C_silent`, b along d
    the mean where the latent is silent, and b across d the mean over everything. A latent that fires
    always is the first principal component.

    Args:
        fires: `[n_patterns]` whether the latent fires; some must be true.
    """
    p_silent = float(world.probabilities[~fires].sum())
    everywhere = mean(world.patterns, world.probabilities)
    matrix = covariance(world.patterns, world.probabilities)
    silent = everywhere
    if p_silent > 0:
        weights = world.probabilities[~fires] / p_silent
        silent = mean(world.patterns[~fires], weights)
        matrix = matrix - p_silent * covariance(world.patterns[~fires], weights)
    direction = np.linalg.eigh(matrix)[1][:, -1]
    towards = mean(world.patterns[fires], world.probabilities[fires] / world.probabilities[fires].sum()) - silent
    direction = direction * (1 if direction @ towards >= 0 else -1)
    return Optimum(direction, everywhere + direction * (direction @ (silent - everywhere)))


def mean(patterns: Float64s, weights: Float64s) -> Float64s:
    """`[n_features]` weighted mean; weights sum to 1."""
    found: Float64s = weights @ patterns
    return found


def covariance(patterns: Float64s, weights: Float64s) -> Float64s:
    """`[n_features, n_features]` weighted covariance; weights sum to 1."""
    centred = patterns - mean(patterns, weights)
    found: Float64s = (centred * weights[:, None]).T @ centred
    return found

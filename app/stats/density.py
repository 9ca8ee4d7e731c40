"""How often and how strongly each latent fires."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from app.arrays import Float32s, Float64s, Int64s
from app.sparse.csr import SparseActs
from app.stats.checks import expect_width


@dataclass(frozen=True)
class FiringTotals:
    """Firings of every latent, over all tokens.

    Attributes:
        n_tokens: scored tokens.
        n_firings: `[n_latents]` int64 tokens on which the latent is active.
        sum_activation: `[n_latents]` float64 sum of its activations.
        sum_squares: `[n_latents]` float64 sum of their squares.
        max_activation: `[n_latents]` float32 largest one; 0 where `n_firings` is 0.
    """

    n_tokens: int
    n_firings: Int64s
    sum_activation: Float64s
    sum_squares: Float64s
    max_activation: Float32s

    @property
    def l0(self) -> float | None:
        """Active latents a token; None where there is no token."""
        return int(self.n_firings.sum()) / self.n_tokens if self.n_tokens else None

    @property
    def density(self) -> Float64s | None:
        """`[n_latents]` share of tokens on which the latent is active; None where there is no token."""
        return self.n_firings / self.n_tokens if self.n_tokens else None


class FiringCounts:
    """Accumulates, per latent i with activations a_i: Σ[a_i > 0], Σa_i, Σa_i², max a_i."""

    def __init__(self, n_latents: int) -> None:
        self.n_latents = n_latents
        self.n_tokens = 0
        self.n_firings = np.zeros(n_latents, dtype=np.int64)
        self.sum_activation = np.zeros(n_latents, dtype=np.float64)
        self.sum_squares = np.zeros(n_latents, dtype=np.float64)
        self.max_activation = np.zeros(n_latents, dtype=np.float32)

    def update(self, acts: SparseActs) -> None:
        """Add a shard."""
        expect_width(acts, self.n_latents)
        value = acts.value.astype(np.float64)
        self.n_tokens += acts.n_tokens
        self.n_firings += np.bincount(acts.latent, minlength=self.n_latents)
        self.sum_activation += np.bincount(acts.latent, weights=value, minlength=self.n_latents)
        self.sum_squares += np.bincount(acts.latent, weights=value * value, minlength=self.n_latents)
        entries = acts.by_latent
        fires = np.flatnonzero(np.diff(entries.starts))
        if len(fires):
            largest = np.maximum.reduceat(entries.value, entries.starts[fires])
            self.max_activation[fires] = np.maximum(self.max_activation[fires], largest)

    def merge(self, other: FiringCounts) -> None:
        """Add what another accumulator saw."""
        self.n_tokens += other.n_tokens
        self.n_firings += other.n_firings
        self.sum_activation += other.sum_activation
        self.sum_squares += other.sum_squares
        np.maximum(self.max_activation, other.max_activation, out=self.max_activation)

    def finalize(self) -> FiringTotals:
        """The totals so far."""
        return FiringTotals(
            n_tokens=self.n_tokens,
            n_firings=self.n_firings.copy(),
            sum_activation=self.sum_activation.copy(),
            sum_squares=self.sum_squares.copy(),
            max_activation=self.max_activation.copy(),
        )

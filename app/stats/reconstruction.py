"""Explained variance of an SAE and of each of its Matryoshka prefixes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from app.arrays import RELATIVE_ZERO, Float64s


@dataclass(frozen=True)
class ExplainedVariance:
    """Explained variance of each prefix.

    Attributes:
        n_tokens: scored tokens.
        per_level: `[n_levels]` share of the variance, at most 1, negative where the reconstruction is
            worse than the mean; None throughout where the variance is not defined.
        reason: why it is None; None where it isn't.
    """

    n_tokens: int
    per_level: tuple[float | None, ...]
    reason: str | None


class VarianceExplained:
    """Accumulates 1 - RSS_l / (Σ‖x‖² - ‖Σx‖² / n), the variance being summed over dimensions.

    The same definition as SAELens' `ExplainedVarianceCalculator` (`sae_lens/evals.py`), in float64
    since the denominator is a small difference of large sums.
    """

    def __init__(self, n_levels: int) -> None:
        self.n_tokens = 0
        self.sum_acts: Float64s = np.zeros(())
        self.sum_squares = 0.0
        self.residual = np.zeros(n_levels)

    def update(self, n_tokens: int, sum_acts: Float64s, sum_squares: float, residual: Float64s) -> None:
        """Add a shard.

        Args:
            n_tokens: scored tokens of the shard.
            sum_acts: `[d_in]` Σx.
            sum_squares: Σ‖x‖².
            residual: `[n_levels]` squared error of each prefix, summed over the tokens.
        """
        self.n_tokens += n_tokens
        self.sum_acts = self.sum_acts + sum_acts
        self.sum_squares += sum_squares
        self.residual += residual

    def merge(self, other: VarianceExplained) -> None:
        """Add what another accumulator saw."""
        self.update(other.n_tokens, other.sum_acts, other.sum_squares, other.residual)

    def finalize(self) -> ExplainedVariance:
        """The explained variance so far."""
        if self.n_tokens < 2:
            return self._undefined(f"{self.n_tokens} scored tokens, at least 2 are needed")
        variance = self.sum_squares - float(np.square(self.sum_acts).sum()) / self.n_tokens
        if variance <= RELATIVE_ZERO * self.sum_squares:
            return self._undefined("the activations do not vary")
        per_level = tuple((1 - self.residual / variance).tolist())
        return ExplainedVariance(self.n_tokens, per_level, None)

    def _undefined(self, reason: str) -> ExplainedVariance:
        return ExplainedVariance(self.n_tokens, (None,) * len(self.residual), reason)

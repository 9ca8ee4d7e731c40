"""The hedging score: how much of a latent's direction is not its own.

Two estimates of the same number, `1 - cos²` between the decoder row and the direction of the one
feature that the latent stands for:

    t_i   typical hedging   from the input on a typical firing token        (typical.py)
    r_i   refit hedging     from a regression together with other latents   (refit.py)

    hedging score  =  max(t_i, r_i)        where other latents take over part of what it holds
                      max(t_i, r_i / 2)    where it keeps all of it (kept >= MIN_KEPT)

Each finds what the other misses. Only the typical token shows a mixed-in feature that no latent of
either SAE stands for. Only the regression shows one that always fires together with the latent's own
feature, or never does. But the regression also faults a correct decoder row where the reference has
split or merged features. Such a latent keeps its whole length, so its regression counts half. The
weight and the maximum were chosen on tuning worlds (decision 0013); `hedgescope validate` measures
them on other worlds.
"""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from scipy.stats import t as student
from threadpoolctl import threadpool_limits

from app.arrays import Flags, Float32s, Float64s, Int64s
from app.progress import Advance, unreported
from app.scores.refit import Refitter, correlated_neighbours
from app.scores.typical import MIN_TOKENS, Residuals, typical_impurity
from app.stats.input_sample import N_GROUPS, Sample

MIN_KEPT = 0.95
"""From this length of the refitted direction along the unit decoder row, nothing was lost to other latents."""

KEPT_WEIGHT = 0.5
"""Weight of the regression for such a latent."""


@dataclass(frozen=True)
class HedgingScores:
    """Of L narrow latents; NaN where undefined.

    Attributes:
        score, low, high: `[L]` hedging score and its 95 % interval.
        typical, refit: `[L]` the two estimates; kept: `[L]` length of the refitted direction along the decoder row.
        n_firings: `[L]` tokens of the sample on which the latent fires; n_tokens: of the sample.
    """

    score: Float64s
    low: Float64s
    high: Float64s
    typical: Float64s
    refit: Float64s
    kept: Float64s
    n_firings: Int64s
    n_tokens: int


def hedging_scores(sample: Sample, decoder: Float32s, counted: Flags, advance: Advance = unreported) -> HedgingScores:
    """Score all narrow latents.

    Args:
        decoder: `[n_narrow, d_in]` unit decoder rows.
        counted: `[n_reference]` reference latents that can be a match.
        advance: called with the number of latents done.
    """
    parts = estimate(sample, decoder, counted, advance)
    scores = combined(parts.typical, parts.refit, parts.kept)
    low, high = interval(scores[:, 0], scores[:, 1:])
    return HedgingScores(
        score=scores[:, 0],
        low=low,
        high=high,
        typical=parts.typical[:, 0],
        refit=parts.refit[:, 0],
        kept=parts.kept[:, 0],
        n_firings=np.diff(sample.narrow.indptr).astype(np.int64),
        n_tokens=len(sample),
    )


@dataclass(frozen=True)
class Estimates:
    """The parts of the score, `[L, 1 + N_GROUPS]` each: from all groups of rows, then with each group left out.

    Attributes:
        typical, refit, kept: as in `HedgingScores`.
    """

    typical: Float64s
    refit: Float64s
    kept: Float64s


def estimate(sample: Sample, decoder: Float32s, counted: Flags, advance: Advance) -> Estimates:
    """The parts of all narrow latents; arguments as of `hedging_scores`."""
    n_latents = len(decoder)
    found = Estimates(*(np.full((n_latents, N_GROUPS + 1), np.nan) for _ in range(3)))
    if not np.diff(sample.bounds).all():
        # A text of fewer rows than groups: nothing can be separated from noise.
        return found
    n_firings = np.diff(sample.narrow.indptr)

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        neighbours = correlated_neighbours(sample, decoder, counted, pool.map)
        refitter = Refitter(sample, decoder, neighbours, pool.map)
        residuals = Residuals(sample, decoder, pool.map)

        def estimate_one(i: int) -> None:
            if n_firings[i] >= MIN_TOKENS:
                found.refit[i], found.kept[i] = refitter.refit(i)
                found.typical[i] = typical_impurity(residuals.spread(i))

        # Many small products: a latent to each processor, not each product to all of them.
        with threadpool_limits(1, user_api="blas"):
            for _ in pool.map(estimate_one, range(n_latents)):
                advance(1)
    return found


def combined(typical: Float64s, refit: Float64s, kept: Float64s) -> Float64s:
    """The score from its parts, elementwise; NaN where either is undefined.

    Where the two halves of the text disagree on the refitted direction, there is no score, even if a
    typical token was found: the latent's activations then say nothing about the input that holds in
    both halves, so neither does the typical input.
    """
    weight = np.where(kept < MIN_KEPT, 1.0, KEPT_WEIGHT)
    return np.maximum(typical, weight * refit)


def interval(score: Float64s, left_out: Float64s) -> tuple[Float64s, Float64s]:
    """95 % interval from a jackknife over groups of rows, cut to [0, 1]; NaN where a left-out score is undefined.

    Source: Efron & Tibshirani, *An Introduction to the Bootstrap* (1993), eq. 11.5, with Student's t for few groups.

    Args:
        score: `[L]` from all groups.
        left_out: `[L, G]` with each group left out.
    """
    n_groups = left_out.shape[1]
    variance = (n_groups - 1) ** 2 / n_groups * left_out.var(axis=1, ddof=1)
    half = student.ppf(0.975, n_groups - 1) * np.sqrt(variance)
    return np.clip(score - half, 0, 1), np.clip(score + half, 0, 1)

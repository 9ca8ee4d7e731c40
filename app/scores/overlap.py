"""Activation overlap of pairs of latents, with intervals. All functions are elementwise."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.stats import norm

from app.arrays import Float64s, Int64s
from app.scores.confidence import Z_95

FAMILY_WISE = 0.05
"""Probability of any false co-firing among all pairs that are looked at."""


@dataclass(frozen=True)
class OverlapArrays:
    """How much pairs of latents fire on the same tokens; NaN where undefined (a latent never fires).

    Attributes:
        jaccard: both over either.
        p_j_given_i, p_i_given_j: conditional shares.
        lift: both over what independent firing would give.
        phi: correlation of the firing indicators.
        z: standard score of `n_both` under independence (hypergeometric mean and variance).
    """

    jaccard: Float64s
    p_j_given_i: Float64s
    p_i_given_j: Float64s
    lift: Float64s
    phi: Float64s
    z: Float64s


def overlap(n_both: Int64s, n_i: Int64s, n_j: Int64s, n_tokens: int) -> OverlapArrays:
    """Overlap of pairs from their 2×2 firing tables.

    Args:
        n_both: tokens on which both fire.
        n_i, n_j: tokens on which each fires.
        n_tokens: all scored tokens.
    """
    both, i, j = n_both.astype(np.float64), n_i.astype(np.float64), n_j.astype(np.float64)
    t = float(n_tokens)
    with np.errstate(divide="ignore", invalid="ignore"):
        expected = i * j / t
        spread = expected * (1 - i / t) * (1 - j / t)
        return OverlapArrays(
            jaccard=_defined(both / (i + j - both)),
            p_j_given_i=_defined(both / i),
            p_i_given_j=_defined(both / j),
            lift=_defined(both / expected),
            phi=np.clip(_defined((both - expected) / np.sqrt(spread * t)), -1, 1),
            z=standard_score(n_both, n_i, n_j, n_tokens),
        )


def standard_score(n_both: Int64s, n_i: Int64s, n_j: Int64s, n_tokens: int) -> Float64s:
    """`z` of `OverlapArrays`, alone; the counts may have any shapes that fit one another."""
    t = float(n_tokens)
    i, j = n_i.astype(np.float64), n_j.astype(np.float64)
    # Hypergeometric variance: i of t tokens drawn, j of them marked.
    of_i, of_j = i * (1 - i / t), j * (1 - j / t) / max(t - 1, 1)
    with np.errstate(divide="ignore", invalid="ignore"):
        return _defined((n_both - i * j / t) / np.sqrt(of_i * of_j))


def wilson(successes: Int64s, trials: Int64s) -> tuple[Float64s, Float64s]:
    """95 % Wilson score interval of a share; NaN where there is no trial.

    Source: E. B. Wilson, *J. Am. Stat. Assoc.* 22 (1927) 209.
    """
    n = np.where(trials > 0, trials, np.nan).astype(np.float64)
    p = successes / n
    centre = (p + Z_95**2 / (2 * n)) / (1 + Z_95**2 / n)
    half = Z_95 / (1 + Z_95**2 / n) * np.sqrt(p * (1 - p) / n + Z_95**2 / (4 * n**2))
    return np.clip(centre - half, 0, 1), np.clip(centre + half, 0, 1)


def significant_z(n_pairs: int) -> float:
    """The |z| from which co-firing counts as significant: of `n_pairs` independent pairs, one or more reaches it
    by chance with probability 5 % at most (Bonferroni's bound, two-sided)."""
    return float(norm.isf(FAMILY_WISE / 2 / max(n_pairs, 1)))


def _defined(values: Float64s) -> Float64s:
    return np.where(np.isfinite(values), values, np.nan)

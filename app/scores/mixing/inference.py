"""What is significant, how sure it is, and what chance would give."""

from __future__ import annotations

import numpy as np
from scipy.stats import t as student

from app.arrays import Float64s, Int64s
from app.stats.input_sample import N_GROUPS

PRIOR_DEGREES = 12
"""Weight of the mean variance of a latent's H against that of one partner (Smyth, Stat. Appl. Genet. 3 (2004) 3)."""

LIKE_DENSITY = 16
"""Decoder rows change places within this many latents, next to one another by density."""


LIKE_IN_LEVEL = 128
"""Latents next to one another by density whose scores by chance make one's chance level."""


def p_of_groups(values: Float64s) -> Float64s:
    """`[p]` one-sided p-values of means over groups, from `[N_GROUPS, p]` components of one vector; 1 where all are 0.

    Noise of one vector along several directions is much the same: variances are drawn to their mean (moderated t).
    """
    variance, used = values.var(axis=0, ddof=1), values.any(axis=0)
    pooled = float(variance[used].mean()) if used.any() else 0.0
    degrees = PRIOR_DEGREES + N_GROUPS - 1
    moderated = (PRIOR_DEGREES * pooled + (N_GROUPS - 1) * variance) / degrees
    t = values.mean(axis=0) / np.sqrt(np.maximum(moderated / N_GROUPS, 1e-20))
    return np.where(used, student.sf(t, degrees), 1.0)


def quantile_of_like_density(values: Float64s, n_firings: Int64s, quantile: float) -> Float64s:
    """`[n]` for each latent a quantile of some values among the `LIKE_IN_LEVEL` latents nearest to it by density."""
    n = len(values)
    width, order = min(LIKE_IN_LEVEL, n), np.argsort(n_firings, kind="stable")
    windows = np.quantile(np.lib.stride_tricks.sliding_window_view(values[order], width), quantile, axis=1)
    found = np.empty(n)
    found[order] = windows[np.clip(np.arange(n) - width // 2, 0, n - width)]
    return found


def like_density(n_firings: Int64s, rng: np.random.Generator) -> Int64s:
    """`[n]` for each latent another one of similar density, each used once."""
    order = np.argsort(n_firings, kind="stable")
    other = np.empty_like(order)
    n_groups = max(1, len(order) // LIKE_DENSITY)
    for group in np.array_split(order, n_groups):
        mixed = rng.permutation(group)
        other[mixed] = np.roll(mixed, 1)
    return other


def false_discovery_rates(p: Float64s, n_tests: int) -> Float64s:
    """`[n]` q-value of each p-value (Benjamini & Hochberg, J. R. Stat. Soc. B 57 (1995) 289).

    Args:
        n_tests: all tests that were made; those without a p-value here count as 1.
    """
    order = np.argsort(p, kind="stable")
    raw = p[order] * max(n_tests, len(p)) / np.arange(1, len(p) + 1)
    q = np.empty_like(p)
    q[order] = np.minimum(np.minimum.accumulate(raw[::-1])[::-1], 1.0)
    return q


def interval(value: Float64s, left_out: Float64s) -> tuple[Float64s, Float64s]:
    """95 % interval from a jackknife over groups, cut to [0, 1].

    Source: Efron & Tibshirani, *An Introduction to the Bootstrap* (1993), eq. 11.5, with Student's t for few groups.

    Args:
        value: `[k]` from all groups; left_out: `[N_GROUPS, k]` with each group left out.
    """
    half = _WIDTH * np.sqrt(left_out.var(axis=0, ddof=1))
    return np.maximum(value - half, 0.0), np.minimum(value + half, 1.0)


_WIDTH = float(student.ppf(0.975, N_GROUPS - 1) * np.sqrt((N_GROUPS - 1) ** 2 / N_GROUPS))

"""What is significant, how sure it is, and what chance would give."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from scipy.stats import t as student

from bench.mixing.evidence import N_GROUPS

Floats = NDArray[np.float64]
Indices = NDArray[np.int64]

PRIOR_DEGREES = 12
"""Weight of the mean variance of a latent's H against that of one partner (Smyth, Stat. Appl. Genet. 3 (2004) 3)."""

LIKE_DENSITY = 16
"""Decoder rows change places within this many latents, next to one another by density."""


@dataclass(frozen=True)
class Firings:
    """Over all scored tokens.

    Attributes:
        both: `[n, m]` co-firing counts, sparse by row; narrow: `[n]`, reference: `[m]` firings; n_tokens: tokens.
    """

    both: sp.csr_array
    narrow: Indices
    reference: Indices
    n_tokens: int


def p_of_groups(values: Floats) -> Floats:
    """`[p]` one-sided p-values of means over groups, from `[N_GROUPS, p]` components of one vector; 1 where all are 0.

    Noise of one vector along several directions is much the same: variances are drawn to their mean (moderated t).
    """
    variance, used = values.var(axis=0, ddof=1), values.any(axis=0)
    pooled = float(variance[used].mean()) if used.any() else 0.0
    degrees = PRIOR_DEGREES + N_GROUPS - 1
    moderated = (PRIOR_DEGREES * pooled + (N_GROUPS - 1) * variance) / degrees
    t = values.mean(axis=0) / np.sqrt(np.maximum(moderated / N_GROUPS, 1e-20))
    return np.where(used, student.sf(t, degrees), 1.0)


def like_density(n_firings: Indices, rng: np.random.Generator) -> Indices:
    """`[n]` for each latent another one of like density, each used once."""
    order = np.argsort(n_firings, kind="stable")
    other = np.empty_like(order)
    n_groups = max(1, len(order) // LIKE_DENSITY)
    for group in np.array_split(order, n_groups):
        mixed = rng.permutation(group)
        other[mixed] = np.roll(mixed, 1)
    return other


def false_discovery_rates(p: list[Floats], n_tests: int) -> list[Floats]:
    """q-value of each p-value (Benjamini & Hochberg, J. R. Stat. Soc. B 57 (1995) 289).

    Args:
        n_tests: all tests that were made; those without a p-value here count as 1.
    """
    flat = np.concatenate([np.empty(0), *p])
    order = np.argsort(flat, kind="stable")
    raw = flat[order] * max(n_tests, len(flat)) / np.arange(1, len(flat) + 1)
    q = np.empty_like(flat)
    q[order] = np.minimum(np.minimum.accumulate(raw[::-1])[::-1], 1.0)
    return np.split(q, np.cumsum([len(each) for each in p])[:-1]) if p else []


def interval(value: float, left_out: Floats) -> tuple[float, float]:
    """95 % interval from a jackknife over groups, cut to [0, 1] (Efron & Tibshirani 1993, eq. 11.5, Student's t)."""
    n = len(left_out)
    half = float(student.ppf(0.975, n - 1) * np.sqrt((n - 1) ** 2 / n * left_out.var(ddof=1)))
    return max(value - half, 0.0), min(value + half, 1.0)


def z_scores(firings: Firings, i: int) -> Floats:
    """`[m]` standard score of the co-firing of latent i with each reference latent; 0 where undefined."""
    both = firings.both[[i]].toarray().ravel()
    t, n_i, n_j = float(firings.n_tokens), float(firings.narrow[i]), firings.reference.astype(np.float64)
    spread = n_i * (1 - n_i / t) * n_j * (1 - n_j / t) / max(t - 1, 1)
    with np.errstate(divide="ignore", invalid="ignore"):
        z = (both - n_i * n_j / t) / np.sqrt(spread)
    return np.where(np.isfinite(z), z, 0.0)

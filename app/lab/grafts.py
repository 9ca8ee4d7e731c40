"""Narrow latents with known truth, made of those of a reference: copies, and grafts with other rows mixed in."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp

from app.arrays import Float32s, Float64s, Int64s
from app.scores.overlap import significant_z, standard_score

ALPHAS = (0.0, 0.1, 0.25, 0.5, 1.0)
"""Lengths of what is mixed in, that of the own row being 1: a fifth of the grafts each."""

MIN_FIRINGS, MIN_BOTH, MAX_COSINE = 100, 20, 0.3
"""Of a latent that is used; of a pair that fires together; between an own row and one that is mixed into it."""


@dataclass(frozen=True)
class Grafts:
    """n copies of reference latents, into most of whose rows other latents' rows are mixed.

    Attributes:
        chosen: `[n]` latents that are copied; rows: `[n, d_in]` unit rows with what was mixed in.
        alpha: `[n]` length of what is mixed in; each: `[n]` length and sign of every partner.
        truth: `[n]` 1 - cos² with the latent's own row.
        partners: reference latents that are mixed into each.
    """

    chosen: Int64s
    rows: Float32s
    alpha: Float64s
    each: Float64s
    truth: Float64s
    partners: list[Int64s]


def choose_copies(acts: sp.csc_array, n: int, seed: int) -> Int64s:
    """n latents that fire on `MIN_FIRINGS` tokens or more, of `[m, n_reference]` activations."""
    fires = np.diff(acts.indptr)
    return np.random.default_rng(seed).choice(np.flatnonzero(fires >= MIN_FIRINGS), n, replace=False)


def make_grafts(acts: sp.csc_array, rows: Float32s, n: int, seed: int) -> Grafts:
    """Partners fire with the latent significantly often (added) or seldom (subtracted); a quarter has two or three.

    Args:
        acts: `[m, n_reference]` activations; rows: `[n_reference, d_in]` unit rows.
    """
    rng = np.random.default_rng(seed)
    chosen = choose_copies(acts, n, seed)
    signs = _signs(acts, chosen, rows)
    own = rows[chosen].astype(np.float64)
    found, each = own.copy(), np.zeros(n)
    alpha, partners = rng.permutation(np.resize(ALPHAS, n)), []
    for k in range(n):
        named, sign = _draw(signs[k], rng) if alpha[k] else (np.empty(0, dtype=np.int64), 0)
        alpha[k] *= bool(len(named))
        each[k] = sign * alpha[k] / np.sqrt(max(len(named), 1))
        found[k] += each[k] * rows[named].sum(axis=0)
        partners.append(named)
    found /= np.linalg.norm(found, axis=1, keepdims=True)
    truth = np.clip(1 - np.einsum("ij,ij->i", found, own) ** 2, 0, 1)
    return Grafts(chosen, found.astype(np.float32), alpha, each, truth, partners)


def _signs(acts: sp.csc_array, chosen: Int64s, rows: Float32s) -> np.ndarray[tuple[int, int], np.dtype[np.int8]]:
    """`[n, m]` 1 for latents that fire with it significantly often, -1 seldom, 0 for what can't be a partner."""
    fires = (acts > 0).astype(np.int64).tocsr()
    both = (fires[:, chosen].T @ fires).toarray()
    n_firings = np.diff(acts.indptr).astype(np.int64)
    z = standard_score(both, n_firings[chosen, None], n_firings, acts.shape[0])
    bar = significant_z(z.size)
    possible = (n_firings >= MIN_FIRINGS) & (np.abs(rows[chosen] @ rows.T) < MAX_COSINE)
    often, seldom = (z > bar) & (both >= MIN_BOTH), z < -bar
    return np.where(possible, often.astype(np.int8) - seldom.astype(np.int8), 0).astype(np.int8)


def _draw(signs: np.ndarray[tuple[int], np.dtype[np.int8]], rng: np.random.Generator) -> tuple[Int64s, int]:
    """(partners of one sign, the sign)."""
    often, seldom = np.flatnonzero(signs > 0), np.flatnonzero(signs < 0)
    sign = 1 if not len(seldom) or (len(often) and rng.random() < 0.5) else -1
    pool = often if sign > 0 else seldom
    n = int(rng.integers(2, 4)) if rng.random() < 0.25 else 1
    return rng.choice(pool, min(n, len(pool)), replace=False), sign

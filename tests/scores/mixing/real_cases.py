"""Narrow SAEs with known truth, made of the latents of a real reference on real activations."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from app.records import BySide
from app.scores.mixing.mixing import mixing
from app.scores.mixing.results import Mixing
from app.scores.overlap import significant_z, standard_score
from app.stats.input_sample import Sample

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
ALPHAS = (0.0, 0.1, 0.25, 0.5, 1.0)
MIN_FIRINGS, MIN_BOTH, MAX_COSINE = 100, 20, 0.3


@dataclass(frozen=True)
class Grafts:
    """Copies of reference latents, into most of whose rows other latents' rows are mixed.

    Attributes:
        sample: with the copies as the narrow SAE; rows: `[n, d]` unit.
        alpha: `[n]` length of what is mixed in; truth: `[n]` 1 - cos² with the latent's own row.
        partners: reference latents that are mixed into each.
    """

    sample: Sample
    rows: NDArray[np.float32]
    alpha: Floats
    truth: Floats
    partners: list[Ints]


def copies(sample: Sample, n: int, seed: int) -> tuple[Sample, Ints]:
    """(the tokens with n reference latents as the narrow SAE, which)."""
    fires = np.diff(sample.reference.indptr)
    chosen = np.random.default_rng(seed).choice(np.flatnonzero(fires >= MIN_FIRINGS), n, replace=False)
    return replace_narrow(sample, sample.reference[:, chosen]), chosen


def replace_narrow(sample: Sample, narrow: sp.csc_array) -> Sample:
    """The same tokens with another narrow SAE."""
    return replace(sample, narrow=narrow)


def grafts(sample: Sample, rows: NDArray[np.float32], n: int, seed: int, *, with_encoder: bool = False) -> Grafts:
    """A fifth of the rows each `ALPHAS`; partners fire with the latent significantly often (added) or seldom
    (subtracted); a quarter of the latents has two or three.

    Args:
        rows: `[m, d]` unit rows of the reference.
        with_encoder: whether the latent fires on what is added to it, too.
    """
    rng = np.random.default_rng(seed)
    plain, chosen = copies(sample, n, seed)
    signs = _signs(plain, chosen, rows)
    own = rows[chosen].astype(np.float64)
    acts, found = plain.narrow.tolil(), own.copy()
    alpha, partners = rng.permutation(np.resize(ALPHAS, n)), []
    for k in range(n):
        named, sign = _draw(signs[k], rng) if alpha[k] else (np.empty(0, dtype=np.int64), 0)
        alpha[k] *= bool(len(named))
        each = sign * alpha[k] / np.sqrt(max(len(named), 1))
        found[k] += each * rows[named].sum(axis=0)
        partners.append(named)
        if with_encoder and each > 0:
            acts[:, [k]] = plain.narrow[:, [k]] + each * sp.csc_array(sample.reference[:, named].sum(axis=1)[:, None])
    found /= np.linalg.norm(found, axis=1, keepdims=True)
    truth = np.clip(1 - np.einsum("ij,ij->i", found, own) ** 2, 0, 1)
    return Grafts(replace_narrow(sample, acts.tocsc()), found.astype(np.float32), alpha, truth, partners)


def _signs(sample: Sample, chosen: Ints, rows: NDArray[np.float32]) -> NDArray[np.int8]:
    """`[n, m]` 1 for latents that fire with it significantly often, -1 seldom, 0 for what can't be a partner."""
    narrow, reference = sample.narrow_rows > 0, sample.reference_rows > 0
    both = (narrow.T.astype(np.int64) @ reference.astype(np.int64)).toarray()
    fires = np.diff(sample.reference.indptr).astype(np.int64)
    z = standard_score(both, fires[chosen, None], fires, len(sample))
    bar = significant_z(z.size)
    possible = (fires >= MIN_FIRINGS) & (np.abs(rows[chosen] @ rows.T) < MAX_COSINE)
    often, seldom = (z > bar) & (both >= MIN_BOTH), z < -bar
    return np.where(possible, often.astype(np.int8) - seldom.astype(np.int8), 0).astype(np.int8)


def _draw(signs: NDArray[np.int8], rng: np.random.Generator) -> tuple[Ints, int]:
    """(partners of one sign, the sign)."""
    often, seldom = np.flatnonzero(signs > 0), np.flatnonzero(signs < 0)
    sign = 1 if not len(seldom) or (len(often) and rng.random() < 0.5) else -1
    pool = often if sign > 0 else seldom
    n = int(rng.integers(2, 4)) if rng.random() < 0.25 else 1
    return rng.choice(pool, min(n, len(pool)), replace=False), sign


def scored(sample: Sample, narrow: NDArray[np.float32], reference: NDArray[np.float32]) -> Mixing:
    """The score; reference latents that fire are counted."""
    return mixing(sample, BySide(narrow, reference), np.diff(sample.reference.indptr) > 0)

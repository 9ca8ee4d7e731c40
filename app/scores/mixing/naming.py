"""Which partners are named, now that the evidence of all latents is there, and what follows for each latent."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import scipy.sparse as sp

from app.arrays import Flags, Float64s, Int64s
from app.scores.mixing.evidence import MIN_MASS, Evidence
from app.scores.mixing.inference import false_discovery_rates, interval, quantile_of_like_density
from app.scores.mixing.results import Mixing, NamedPartners
from app.stats.input_sample import Sample

FALSE_DISCOVERIES = 0.05
CHANCE_QUANTILE = 0.95


def named(sample: Sample, found: Sequence[Evidence | None]) -> Mixing:
    """The scores from the evidence of each narrow latent; None for one that has no score."""
    n, n_firings = len(found), np.diff(sample.narrow.indptr).astype(np.int64)
    scored = np.array([each is not None for each in found], dtype=np.bool_)
    every = _Joined(found)
    q = false_discovery_rates(every.p, every.n_tested)
    sure = q <= FALSE_DISCOVERIES
    by_chance = np.minimum(_sums(every.narrow, np.where(sure & (every.chance >= MIN_MASS), every.chance, 0), n), 1.0)
    kept = np.flatnonzero(sure & (every.mass >= MIN_MASS))
    kept = kept[np.lexsort((-every.mass[kept], every.narrow[kept]))]
    own = np.array([-1 if each is None else each.own for each in found], dtype=np.int64)
    partners = _partners(sample, every, kept, q, own)
    score = np.minimum(_sums(partners.narrow, partners.mass, n), 1.0)
    left_out = np.stack([np.minimum(_sums(partners.narrow, each, n), 1.0) for each in every.left_out[:, kept]])
    low, high = interval(score, left_out)
    merged = np.minimum(_sums(partners.narrow, np.where(partners.merged, partners.mass, 0), n), score)
    return Mixing(
        score=_where(scored, score),
        low=_where(scored, low),
        high=_where(scored, high),
        merged=_where(scored, merged),
        chance=_chance(scored, by_chance, n_firings),
        chance_level=float(np.quantile(by_chance[scored], CHANCE_QUANTILE)) if scored.any() else float("nan"),
        own=own,
        partners=partners,
        n_firings=n_firings,
        n_tokens=len(sample),
    )


def _chance(scored: Flags, by_chance: Float64s, n_firings: Int64s) -> Float64s:
    """`[L]` chance level at each latent's density."""
    found = np.full(len(scored), np.nan)
    if scored.any():
        found[scored] = quantile_of_like_density(by_chance[scored], n_firings[scored], CHANCE_QUANTILE)
    return found


class _Joined:
    """The evidence of all latents, one after the other."""

    def __init__(self, found: Sequence[Evidence | None]) -> None:
        known = [(i, each) for i, each in enumerate(found) if each is not None]
        empty = np.empty(0)
        self.narrow = np.repeat([i for i, _ in known], [len(each.latents) for _, each in known]).astype(np.int64)
        self.latents = np.concatenate([empty.astype(np.int64), *(each.latents for _, each in known)])
        self.weight = np.concatenate([empty, *(each.weight for _, each in known)])
        self.composition = np.concatenate([empty, *(each.composition for _, each in known)])
        self.residual = np.concatenate([empty, *(each.residual for _, each in known)])
        self.mass = np.concatenate([empty, *(each.mass for _, each in known)])
        self.left_out = np.concatenate([np.empty((4, 0)), *(each.left_out for _, each in known)], axis=1)
        self.p = np.concatenate([empty, *(each.p for _, each in known)])
        self.chance = np.concatenate([empty, *(each.chance for _, each in known)])
        self.n_tested = sum(each.n_tested for _, each in known)


def _partners(sample: Sample, every: _Joined, kept: Int64s, q: Float64s, own: Int64s) -> NamedPartners:
    narrow, reference = every.narrow[kept], every.latents[kept]
    low, high = interval(every.mass[kept], every.left_out[:, kept])
    p_alone, p_base, n_alone = _alone(sample, narrow, reference, own)
    return NamedPartners(
        narrow=narrow,
        reference=reference,
        mass=every.mass[kept],
        low=low,
        high=high,
        composition=every.composition[kept],
        residual=every.residual[kept],
        weight=every.weight[kept],
        q=q[kept],
        p_alone=p_alone,
        p_base=p_base,
        n_alone=n_alone,
    )


def _alone(sample: Sample, narrow: Int64s, reference: Int64s, own: Int64s) -> tuple[Float64s, Float64s, Int64s]:
    """For each pair (P(i | j, own silent), P(i | own silent), tokens with j and without own), as far as i has an own.

    Args:
        narrow: ascending.
    """
    p_alone, p_base = np.full(len(narrow), np.nan), np.full(len(narrow), np.nan)
    n_alone = np.zeros(len(narrow), dtype=np.int64)
    for i in np.unique(narrow).tolist():
        pairs = slice(*np.searchsorted(narrow, [i, i + 1]))
        if own[i] < 0:
            continue
        fires, silent = _fires(sample.narrow, i), ~_fires(sample.reference, int(own[i]))
        p_base[pairs] = fires[silent].mean() if silent.any() else np.nan
        for pair in range(pairs.start, pairs.stop):
            tokens = _tokens(sample.reference, int(reference[pair]))
            tokens = tokens[silent[tokens]]
            n_alone[pair] = len(tokens)
            p_alone[pair] = fires[tokens].mean() if len(tokens) else np.nan
    return p_alone, p_base, n_alone


def _tokens(acts: sp.csc_array, latent: int) -> Int64s:
    return np.asarray(acts.indices[acts.indptr[latent] : acts.indptr[latent + 1]], dtype=np.int64)


def _fires(acts: sp.csc_array, latent: int) -> Flags:
    fires = np.zeros(acts.shape[0], dtype=np.bool_)
    fires[_tokens(acts, latent)] = True
    return fires


def _sums(owner: Int64s, values: Float64s, n: int) -> Float64s:
    """`[n]` sums of the values of each owner."""
    # Without any owner `bincount` gives whole numbers.
    return np.bincount(owner, weights=values, minlength=n).astype(np.float64)


def _where(scored: Flags, values: Float64s) -> Float64s:
    return np.where(scored, values, np.nan)

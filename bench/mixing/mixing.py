"""The hedging score, version 4: a sum of mixed masses over named partners.

    M_ij        mixed mass of reference latent j in narrow latent i           (masses.py)
    named       M_ij >= MIN_MASS, and evidence that is significant at a false discovery rate of 5 %
    score_i  =  sum over named partners j of M_ij, at most 1

A latent without a named partner has score 0. Beside it stand a 95 % interval (a jackknife over four groups of rows)
and the comparison's chance level: the same sum with each decoder row replaced by that of another latent of like
density, and residual evidence against the sign of co-firing; a label needs a score above its 95 % point.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from scipy.stats import norm

from bench.mixing.evidence import N_GROUPS, Activations, Composition, Floats, Indices, Residuals, Singles
from bench.mixing.inference import Firings, false_discovery_rates, interval, like_density, p_of_groups, z_scores
from bench.mixing.masses import SPLIT_COSINE, Masses, Support, inside_span, masses
from bench.mixing.results import LatentMixing, Mixing, NamedPartner

Flags = NDArray[np.bool_]
Over = Callable[[Callable[[int], Any], Iterable[int]], Iterable[Any]]

MIN_MASS = 0.005
"""A partner's mass, at least, as a share of the row's squared length."""

FALSE_DISCOVERIES = 0.05
MIN_FIRINGS = 30
"""Fewer firing tokens in the sample give no score."""

BY_FIRING, BY_COSINE = 16, 24
"""Partners that H is estimated beside: the most significant ones, and the nearest in direction."""

BY_WEIGHT, NEAREST = 96, 32
"""Further candidates for the composition."""

MIN_COSINE = 0.02
LATENTS_PER_BLOCK = 64
"""Narrow latents whose weights are made at once: 64 × 65,536 × 2 halves are 34 MB."""

PAIRS = ((0, 1), (3, 1), (2, 1), (0, 5), (0, 4))
"""Places in `evidence.PARTS` of two halves: of all groups, then without group 0, 1, 2, 3."""


@dataclass(frozen=True)
class _Found:
    """Of one latent before anything is named: candidates `[p]`, M with each group left out `[4, p]`, p-values, M by
    chance."""

    candidates: Indices
    masses: Masses
    left_out: Floats
    p: Floats
    n_tested: int
    chance: Floats


def mixing(
    acts: Activations,
    firings: Firings,
    narrow_decoder: Singles,
    reference_decoder: Singles,
    counted: Flags,
    *,
    seed: int = 0,
    over: Over = map,
    progress: Callable[[int], None] = lambda n: None,
) -> Mixing:
    """Score all narrow latents.

    Args:
        narrow_decoder: `[n, d]`, reference_decoder: `[m, d]` unit rows.
        counted: `[m]` reference latents that can be partners.
        seed: of the chance level.
        over: what goes over the latents of a block, such as the `map` of a pool.
    """
    scorer = _Scorer(acts, firings, narrow_decoder, reference_decoder, counted, seed)
    found: list[_Found | None] = []
    for start in range(0, len(narrow_decoder), LATENTS_PER_BLOCK):
        latents = np.arange(start, min(start + LATENTS_PER_BLOCK, len(narrow_decoder)))
        block = scorer.block(latents)
        found += list(over(block, range(len(latents))))
        progress(len(latents))
    return scorer.named(found)


class _Scorer:
    """What all latents share."""

    def __init__(
        self, acts: Activations, firings: Firings, decoder: Singles, rows: Singles, counted: Flags, seed: int
    ) -> None:
        self.acts, self.firings, self.decoder, self.rows, self.counted = acts, firings, decoder, rows, counted
        self.n = np.diff(acts.narrow.indptr)
        self.composition = Composition(acts)
        self.by_group = Composition(acts, (2, 3, 4, 5))
        self.residuals = Residuals(acts, decoder, rows)
        n_pairs = len(decoder) * max(int(counted.sum()), 1)
        self.threshold = float(norm.isf(0.025 / n_pairs))
        self.other = like_density(firings.narrow, np.random.default_rng(seed))
        self._moments = [_moments(each) for each in (acts.narrow, acts.reference)]
        self._transposed = acts.reference.T.tocsr()

    def block(self, latents: Indices) -> _Block:
        """What the latents of a block share."""
        left_over = [self.composition.left_over(latents, place) for place in (0, 1)]
        weight = self.composition.weights(left_over)
        groups = self.by_group.weights([self.by_group.left_over(latents, place) for place in range(N_GROUPS)])
        products = (self._transposed @ self.acts.narrow[:, latents].toarray()).T / self.acts.n_tokens
        (mean, sd), (mean_r, sd_r) = self._moments
        correlation = (products - np.outer(mean[latents], mean_r)) / np.outer(sd[latents], sd_r)
        return _Block(self, latents, left_over, np.concatenate([weight, groups]), correlation)

    def named(self, found: list[_Found | None]) -> Mixing:
        """Name partners, now that all latents' p-values are there."""
        each = [f for f in found if f is not None]
        q = false_discovery_rates([f.p for f in each], sum(f.n_tested for f in each))
        rates = iter(q)
        latents = [self._latent(i, f, next(rates) if f is not None else np.empty(0)) for i, f in enumerate(found)]
        chance = np.array([latent.chance for latent in latents])
        known = ~np.isnan(chance)
        return Mixing(tuple(latents), float(np.quantile(chance[known], 0.95)) if known.any() else float("nan"))

    def _latent(self, i: int, found: _Found | None, q: Floats) -> LatentMixing:
        nan = float("nan")
        if found is None:
            return LatentMixing(nan, nan, nan, nan, -1, ())
        kept = np.flatnonzero((found.masses.mixed >= MIN_MASS) & (q <= FALSE_DISCOVERIES))
        kept = kept[np.argsort(-found.masses.mixed[kept], kind="stable")]
        own = int(found.candidates[found.masses.own])
        alone = self._alone(i, own, found.candidates[kept])
        score = min(float(found.masses.mixed[kept].sum()), 1.0)
        low, high = interval(score, np.minimum(found.left_out[:, kept].sum(axis=1), 1.0))
        partners = tuple(self._partner(found, c, float(q[c]), alone[place]) for place, c in enumerate(kept.tolist()))
        by_chance = float(found.chance[(found.chance >= MIN_MASS) & (q <= FALSE_DISCOVERIES)].sum())
        return LatentMixing(score, low, high, min(by_chance, 1.0), own, partners)

    def _partner(self, found: _Found, c: int, q: float, alone: tuple[float, float, int]) -> NamedPartner:
        """One named candidate."""
        m = found.masses
        low, high = interval(float(m.mixed[c]), found.left_out[:, c])
        return NamedPartner(
            index=int(found.candidates[c]),
            mass=float(m.mixed[c]),
            low=low,
            high=high,
            composition=float(m.composition[c]),
            residual=float(m.residual[c]),
            weight=float(m.weight[c]),
            q=q,
            p_alone=alone[0],
            p_base=alone[1],
            n_alone=alone[2],
        )

    def _alone(self, i: int, own: int, partners: Indices) -> list[tuple[float, float, int]]:
        """For each partner (P(i | j, own silent), P(i | own silent), tokens with j and without own)."""
        fires = _fires(self.acts.narrow, i)
        silent = ~_fires(self.acts.reference, own)
        base = float(fires[silent].mean()) if silent.any() else float("nan")
        found = []
        for j in partners.tolist():
            tokens = _tokens(self.acts.reference, j)
            tokens = tokens[silent[tokens]]
            found.append((float(fires[tokens].mean()) if len(tokens) else float("nan"), base, len(tokens)))
        return found


@dataclass(frozen=True)
class _Block:
    """Some neighbouring narrow latents; called with a place in the block."""

    shared: _Scorer
    latents: Indices
    left_over: list[Singles]
    weight: Singles
    correlation: Singles

    def __call__(self, k: int) -> _Found | None:
        s, i = self.shared, int(self.latents[k])
        if s.n[i] < MIN_FIRINGS:
            return None
        z = z_scores(s.firings, i)
        row = s.decoder[i].astype(np.float64)
        correlation = np.where(s.counted, np.nan_to_num(self.correlation[k]), 0.0)
        significant = np.flatnonzero(s.counted & (np.abs(z) > s.threshold))
        main, candidates, regressed = self._choose(k, row, z, significant, correlation)
        rows = s.rows[candidates].astype(np.float64)
        support = Support(
            gram=rows @ rows.T,
            sign=np.sign(z[candidates]),
            weight=self.weight[:, k, candidates].astype(np.float64),
            **self._deviations(i, main, candidates, rows, regressed),
            main=int(np.searchsorted(candidates, main)),
            correlation=correlation[candidates],
        )
        along = rows @ row
        found = masses(along, support)
        left_out = np.stack([masses(along, support, pair).mixed for pair in PAIRS[1:]])
        chance = self._chance(k, rows, support)
        p = self._p_values(k, candidates, support, np.maximum(found.mixed, chance) >= MIN_MASS)
        return _Found(candidates, found, left_out, p, max(len(significant), 1), chance)

    def _deviations(self, i: int, main: int, candidates: Indices, rows: Floats, regressed: Flags) -> dict[str, Floats]:
        """`inside` and `seen` of the latent's `Support`."""
        of = self.shared.residuals.deviations(i, main, candidates[regressed]).astype(np.float64)
        used = rows[regressed]
        seen, inside = np.zeros((*of.shape[:2], len(rows))), np.zeros((of.shape[1], len(rows)))
        products = of @ used.T
        seen[:, :, regressed], inside[:, regressed] = products, inside_span(used @ used.T, products[0])
        return {"inside": inside, "seen": seen}

    def _choose(
        self, k: int, row: Floats, z: Floats, significant: Indices, correlation: Floats
    ) -> tuple[int, Indices, Flags]:
        """(main partner, candidates ascending, which of them H is estimated beside)."""
        s = self.shared
        cosines = s.rows @ row.astype(np.float32)
        main = int(np.argmax(np.where(s.counted, correlation * np.maximum(cosines, 0), -1.0)))
        others = significant[significant != main]
        cosine, w = np.abs(cosines[others]), self.weight[:2, k, others]
        sign = np.sign(z[others])
        agreed = np.where((np.sign(w[0]) == sign) & (np.sign(w[1]) == sign), np.abs(w.mean(axis=0)), 0.0)
        beside = np.union1d(_top(others, np.abs(z[others]), BY_FIRING), _top(others, cosine, BY_COSINE))
        beside = beside[s.rows[beside] @ s.rows[main] < SPLIT_COSINE]
        further = _top(others, agreed * np.maximum(cosine, MIN_COSINE), BY_WEIGHT), _top(others, cosine, NEAREST)
        candidates = np.unique(np.concatenate([beside, *further, [main]]))
        return main, candidates, np.isin(candidates, beside)

    def _p_values(self, k: int, candidates: Indices, support: Support, wanted: Flags) -> Floats:
        """`[p]` p-values against no mixture of the sign of the co-firing: the smallest of W and both residuals' H,
        times three; 1 where not wanted."""
        p = np.ones(len(candidates))
        error = self.shared.composition.standard_error(self.left_over, k, candidates[wanted])
        of_w = norm.sf((support.sign * support.weight[:2].mean(axis=0))[wanted] / error)
        of_h = [p_of_groups(seen[2:] * support.sign)[wanted] for seen in support.seen]
        p[wanted] = np.minimum(3 * np.minimum.reduce([of_w, *of_h]), 1.0)
        return p

    def _chance(self, k: int, rows: Floats, support: Support) -> Floats:
        """`[p]` M of the candidates with the row of another latent in the place of this one's."""
        along = rows @ self.shared.decoder[self.shared.other[self.latents[k]]].astype(np.float64)
        main = int(np.argmax(support.correlation * np.maximum(along, 0)))
        return masses(along, replace(support, main=main), flip=True).mixed


def _top(latents: Indices, values: Floats, k: int) -> Indices:
    return latents[np.argsort(-values, kind="stable")[:k]]


def _moments(acts: sp.csc_array) -> tuple[Floats, Floats]:
    mean = np.asarray(acts.mean(axis=0)).ravel()
    square = np.asarray(acts.power(2).mean(axis=0)).ravel()
    return mean, np.sqrt(np.maximum(square - mean**2, 1e-30))


def _tokens(acts: sp.csc_array, latent: int) -> Indices:
    return np.asarray(acts.indices[acts.indptr[latent] : acts.indptr[latent + 1]], dtype=np.int64)


def _fires(acts: sp.csc_array, latent: int) -> Flags:
    fires = np.zeros(acts.shape[0], dtype=np.bool_)
    fires[_tokens(acts, latent)] = True
    return fires

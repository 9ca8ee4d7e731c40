"""All that is known of one narrow latent before partners are named, which needs all latents."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy.stats import norm

from app.arrays import Float32s, Float64s, Int64s
from app.records import BySide
from app.scores.mixing.candidates import Candidates
from app.scores.mixing.inference import p_of_groups
from app.scores.mixing.masses import Support, inside_span, masses
from app.scores.mixing.residuals import Residuals
from app.scores.sample_groups import HALF_PAIRS

MIN_MASS = 0.005
"""A partner's mass, at least, as a share of the row's squared length."""


@dataclass(frozen=True)
class Evidence:
    """Of one narrow latent and its p candidates.

    Attributes:
        own: reference latent that it stands for, -1 for none.
        latents: `[p]` which; weight, composition, residual, mass: `[p]` of them.
        left_out: `[N_GROUPS, p]` masses with each group left out.
        p: `[p]` p-values; n_tested: reference latents that were tested, by their co-firing alone if need be.
        chance: `[p]` masses by chance.
    """

    own: int
    latents: Int64s
    weight: Float64s
    composition: Float64s
    residual: Float64s
    mass: Float64s
    left_out: Float64s
    p: Float64s
    n_tested: int
    chance: Float64s


class EvidenceFinder:
    """Puts together what composition and residuals say.

    Args:
        decoders: `[n, d]` and `[m, d]` unit rows.
        other: `[n]` the latent whose row stands in for each one's in the chance level.
    """

    def __init__(self, residuals: Residuals, decoders: BySide[Float32s], other: Int64s) -> None:
        self._residuals, self._decoders, self._other = residuals, decoders, other

    def find(self, i: int, candidates: Candidates, by_group: Float32s) -> Evidence:
        """The evidence of latent i.

        Args:
            by_group: `[N_GROUPS, p]` W from each group.
        """
        rows = self._decoders.reference[candidates.latents].astype(np.float64)
        support = self._support(i, candidates, by_group, rows)
        along = rows @ self._decoders.narrow[i].astype(np.float64)
        found = masses(along, support)
        left_out = np.stack([masses(along, support, pair).mixed for pair in HALF_PAIRS[1:]])
        return Evidence(
            own=int(candidates.latents[found.own]) if found.own >= 0 else -1,
            latents=candidates.latents,
            weight=found.weight,
            composition=found.composition,
            residual=found.residual,
            mass=found.mixed,
            left_out=left_out,
            p=p_values(candidates, support),
            n_tested=candidates.n_tested,
            chance=self._chance(i, rows, support),
        )

    def _support(self, i: int, candidates: Candidates, by_group: Float32s, rows: Float64s) -> Support:
        regressed, main = candidates.regressed, candidates.main
        of = self._residuals.deviations(i, main, candidates.latents[regressed]).astype(np.float64)
        place = np.flatnonzero(candidates.latents == main)
        used = rows[regressed]
        products = of @ used.T
        seen, inside = np.zeros((*of.shape[:2], len(rows))), np.zeros((of.shape[1], len(rows)))
        seen[:, :, regressed], inside[:, regressed] = products, inside_span(used @ used.T, products[0])
        return Support(
            gram=rows @ rows.T,
            sign=candidates.sign,
            weight=np.concatenate([candidates.weight, by_group]).astype(np.float64),
            inside=inside,
            seen=seen,
            main=int(place[0]) if len(place) else -1,
            correlation=candidates.correlation,
        )

    def _chance(self, i: int, rows: Float64s, support: Support) -> Float64s:
        """`[p]` masses with the row of another latent in the place of this one's."""
        along = rows @ self._decoders.narrow[self._other[i]].astype(np.float64)
        main = int(np.argmax(support.correlation * np.maximum(along, 0))) if support.main >= 0 else -1
        return masses(along, replace(support, main=main), flip=True).mixed


def p_values(candidates: Candidates, support: Support) -> Float64s:
    """`[p]` p-values against no mixture of the sign of the co-firing: the smallest of W and both residuals' H, times
    three."""
    of_weight = norm.sf(support.sign * support.weight[:2].mean(axis=0) / candidates.error)
    of_residuals = [p_of_groups(seen[2:] * support.sign) for seen in support.seen]
    smallest: Float64s = np.minimum(3 * np.minimum.reduce([of_weight, *of_residuals]), 1.0)
    return smallest

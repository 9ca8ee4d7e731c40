"""All of a comparison's statistics to its latents and partners."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from app.pipeline.passes import SideStatistics, Statistics
from app.pipeline.score import Geometry, Padded, absorbing_latents, evidence_of, is_prefix
from app.records import LatentScores, Partner, Side
from app.sae.levels import levels_of
from app.sae.load import LoadedSae
from app.scores.decomposition import Decomposition
from app.scores.geometry import Nearest, Null, cosines_of_pairs, mutual_best
from app.scores.hedging import PartnerMoments
from app.scores.latents import (
    BestOverlap,
    Firing,
    PartnerArrays,
    SideArrays,
    best_overlap,
    narrow_latents,
    partner_rows,
    reference_latents,
)
from app.scores.score import Scores
from app.stats.density import FiringTotals


@dataclass(frozen=True)
class Scored:
    """All latents and partners of a comparison.

    Attributes:
        latents: of the narrow and of the reference SAE, by index.
        partners: of each narrow latent, by rank.
    """

    latents: tuple[list[LatentScores], list[LatentScores]]
    partners: list[list[Partner]]


def score_latents(
    saes: tuple[LoadedSae, LoadedSae],
    statistics: Statistics,
    geometry: Geometry,
    decompositions: Sequence[Decomposition],
    lists: Padded,
    moments: PartnerMoments,
    scores: Scores,
    labels: tuple[Sequence[str], Sequence[str]],
) -> Scored:
    """Score every latent of both SAEs (narrow, reference)."""
    narrow, reference = saes
    evidence = evidence_of(moments, lists, geometry)
    absorbing = absorbing_latents(narrow, reference, statistics, geometry)
    overlaps = _overlaps(statistics, is_prefix(narrow, reference))
    narrow_side = _side(
        "narrow",
        narrow,
        statistics.narrow,
        labels[0],
        geometry.narrow,
        geometry.reference,
        (geometry.null, geometry.data_null),
        overlaps[0],
        geometry.narrow_c_dec,
    )
    reference_side = _side(
        "reference",
        reference,
        statistics.reference,
        labels[1],
        geometry.reference,
        geometry.narrow,
        (geometry.narrow_null, geometry.narrow_data_null),
        overlaps[1],
        geometry.reference_c_dec,
    )
    partners = partner_rows(
        decompositions,
        _partner_arrays(narrow, reference, lists, moments.n_both),
        evidence,
        narrow_side.firing,
        reference_side.firing,
        reference_side.levels,
        absorbing,
    )
    latents = (
        narrow_latents(narrow_side, decompositions, evidence, scores, absorbing, partners),
        reference_latents(reference_side, partners),
    )
    return Scored(latents, partners)


def _overlaps(statistics: Statistics, own: bool) -> tuple[BestOverlap, BestOverlap]:
    """Best overlap of narrow latents, and of reference latents the other way.

    Args:
        own: whether the narrow latents are the reference's first ones: they are no match for
            narrow latents then, and no latent is one for itself.
    """
    if statistics.co_firing.best is not None:
        narrow, reference = statistics.co_firing.best
        return BestOverlap(narrow.index, narrow.jaccard), BestOverlap(reference.index, reference.jaccard)
    n_i, n_j = statistics.narrow.firing.n_firings, statistics.reference.firing.n_firings
    pairs = statistics.co_firing.n_both.tocoo()
    forth = (pairs.col >= len(n_i)) | (not own)
    back = (pairs.col != pairs.row) | (not own)
    return (
        best_overlap(_sorted(_only(pairs, forth).tocsr()), n_i, n_j),
        best_overlap(_sorted(_only(pairs, back).T.tocsr()), n_j, n_i),
    )


def _sorted(pairs: sp.csr_array) -> sp.csr_array:
    pairs.sort_indices()
    return pairs


def _only(pairs: sp.coo_array, kept: NDArray[np.bool_]) -> sp.coo_array:
    return sp.coo_array((pairs.data[kept], (pairs.row[kept], pairs.col[kept])), shape=pairs.shape)


def _side(
    side: Side,
    sae: LoadedSae,
    statistics: SideStatistics,
    labels: Sequence[str],
    near: Nearest,
    back: Nearest,
    nulls: tuple[Null, Null],
    overlaps: BestOverlap,
    c_dec: NDArray[np.float32],
) -> SideArrays:
    return SideArrays(
        side=side,
        levels=levels_of(sae.levels),
        labels=labels,
        firing=_firing(statistics.firing),
        nearest=near,
        percentile=nulls[0].percentile(near.cosine[:, 0]),
        data_percentile=nulls[1].percentile(near.cosine[:, 0]),
        mutual=mutual_best(near.index[:, 0], back.index[:, 0]),
        overlap=overlaps,
        c_dec=c_dec,
    )


def _firing(totals: FiringTotals) -> Firing:
    return Firing(totals.n_tokens, totals.n_firings, totals.sum_activation, totals.max_activation)


def _partner_arrays(narrow: LoadedSae, reference: LoadedSae, lists: Padded, n_both: NDArray[np.int64]) -> PartnerArrays:
    """Cosines of every narrow latent to its partners, and of those to the main partner."""
    shape = lists.partners.shape
    narrow_index = np.repeat(np.arange(shape[0]), shape[1])
    flat = lists.partners.ravel()
    main = np.repeat(lists.partners[:, 0], shape[1])
    d, e = narrow.unit_decoder, reference.unit_decoder
    return PartnerArrays(
        n_both=n_both,
        cosines=cosines_of_pairs(d, e, narrow_index, flat).reshape(shape),
        cosines_to_main=cosines_of_pairs(e, e, main, flat).reshape(shape),
    )

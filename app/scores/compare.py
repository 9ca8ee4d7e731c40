"""From weights and statistics to scores: the one entry to this package. Arrays only; no files, torch or settings.

The partners of a latent are known only once its decoder row is decomposed and its mixed masses are estimated, and
what they do together is counted by a second pass over the activations. The caller gives a function that does this.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from app.arrays import Flags, Int64s
from app.progress import Progress, silent
from app.records import BySide
from app.scores.absorption import absorbed_by
from app.scores.cell_partners import cell_partners
from app.scores.cosines import mutual_best
from app.scores.geometry import Geometry, geometry_of
from app.scores.mixing.mixing import mixing
from app.scores.mixing.results import Mixing
from app.scores.partner_evidence import partner_evidence, partner_moments
from app.scores.partner_pairs import pair_cosines, partner_pairs
from app.scores.partners import PartnerLists, as_lists, decompose_all
from app.scores.scored import LatentArrays, Scored
from app.scores.weights import ComparedWeights
from app.stats.collect import Statistics
from app.stats.pairs import LatentPairs
from app.stats.partner_counts import PartnerCounts


@dataclass(frozen=True)
class ScoredComparison:
    """What scoring gives.

    Attributes:
        geometry: decoder cosines of both SAEs.
        counts: what each narrow latent and its partners do together.
        scores: of all latents and partners.
    """

    geometry: Geometry
    counts: PartnerCounts
    scores: Scored


CountPartners = Callable[[LatentPairs, PartnerLists, Int64s], PartnerCounts]
"""Counts what given pairs do together, the partners of each list, and firings by the partners that split them, in one
more pass over all tokens."""


def score_comparison(
    weights: ComparedWeights, statistics: Statistics, count: CountPartners, progress: Progress = silent
) -> ScoredComparison:
    """All scores.

    Args:
        statistics: of all tokens.
        count: called once, with all partners of each narrow latent, its decomposition, and the partners that split
            its firings.

    Raises:
        ScoringError: the reference has no latent to compare with.
    """
    advance = progress("directions", len(weights.narrow.decoder) + len(weights.reference.decoder), "latents")
    geometry = geometry_of(weights, statistics)
    advance(len(weights.narrow.decoder) + len(weights.reference.decoder))
    counted = geometry.reference.matchable
    mixed = _mixing(weights, statistics, counted, progress)
    lists = as_lists(decompose_all(weights, geometry, statistics, progress), mixed.own)
    partners = partner_pairs(lists, mixed.partners)
    counts = count(partners.pairs, lists, cell_partners(lists, mixed.partners))
    moments = partner_moments(statistics, lists, counts.sums.pairs.of(partners.listed), counts.sums.products)
    scores = Scored(
        latents=latent_arrays(weights, statistics, geometry),
        mixing=mixed,
        partners=lists,
        evidence=partner_evidence(moments, lists),
        pairs=partners,
        n_both=counts.sums.pairs.n_both,
        cosines=pair_cosines(weights, lists, partners.pairs),
        absorbed_by=_absorbed_by(weights, statistics, geometry),
    )
    return ScoredComparison(geometry, counts, scores)


def _mixing(weights: ComparedWeights, statistics: Statistics, counted: Flags, progress: Progress) -> Mixing:
    decoders = weights.map(lambda side: side.decoder)
    return mixing(statistics.sample, decoders, counted, is_prefix=weights.is_prefix, progress=progress)


def _absorbed_by(weights: ComparedWeights, statistics: Statistics, geometry: Geometry) -> Int64s:
    return absorbed_by(
        statistics.sample,
        encoder=weights.narrow.encoder,
        decoder=weights.reference.decoder,
        match=geometry.narrow.other_sae,
        counted=geometry.reference.matchable,
    )


def latent_arrays(weights: ComparedWeights, statistics: Statistics, geometry: Geometry) -> BySide[LatentArrays]:
    """What the latents of both SAEs have."""
    firing = statistics.sides.map(lambda side: side.firing)
    n_firings = firing.map(lambda totals: totals.n_firings)
    overlap = statistics.co_firing.best_partners(n_firings, is_prefix=weights.is_prefix)
    nearest = geometry.map(lambda side: side.other_sae)
    best = nearest.map(lambda found: found.index[:, 0])
    cosine = nearest.map(lambda found: found.cosine[:, 0])
    return BySide.of(
        lambda side: LatentArrays(
            level=weights[side].level,
            firing=firing[side],
            nearest=nearest[side],
            percentile=geometry[side].null.percentile(cosine[side]),
            data_percentile=geometry[side].data_null.percentile(cosine[side]),
            mutual=mutual_best(best[side], best.swapped()[side]),
            overlap=overlap[side],
            c_dec=geometry[side].c_dec,
        )
    )

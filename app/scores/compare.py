"""From weights and statistics to scores: the one entry to this package. Arrays only; no files, torch or settings.

The partners of a latent are known only once its decoder row is decomposed, and what they do together is counted
by a second pass over the activations. The caller gives a function that does this.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from app.progress import Progress, silent
from app.records import BySide
from app.scores.absorption import absorbed_by
from app.scores.cosines import mutual_best
from app.scores.geometry import Geometry, geometry_of
from app.scores.hedging import hedging_scores
from app.scores.overlap import significant_z
from app.scores.partner_evidence import partner_evidence, partner_moments
from app.scores.partners import PartnerLists, as_lists, decompose_all, partner_cosines
from app.scores.scored import LatentArrays, Scored
from app.scores.weights import ComparedWeights
from app.stats.collect import Statistics
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


CountPartners = Callable[[PartnerLists], PartnerCounts]
"""Counts what given pairs do together, in one more pass over all tokens."""


def score_comparison(
    weights: ComparedWeights, statistics: Statistics, count: CountPartners, progress: Progress = silent
) -> ScoredComparison:
    """All scores.

    Args:
        statistics: of all tokens.
        count: called once, with the partners of each narrow latent.

    Raises:
        ScoringError: the reference has no latent to compare with.
    """
    geometry = geometry_of(weights, statistics)
    lists = as_lists(decompose_all(weights, geometry, statistics, progress))
    counts = count(lists)
    decoders, counted = weights.map(lambda side: side.decoder), geometry.reference.matchable
    moments = partner_moments(statistics, lists, counts.sums)
    n_pairs = len(decoders.narrow) * int(counted.sum())
    advance = progress("hedging scores", len(decoders.narrow), "latents")
    scores = Scored(
        latents=latent_arrays(weights, statistics, geometry),
        hedging=hedging_scores(statistics.sample, decoders.narrow, counted, advance),
        partners=lists,
        cosines=partner_cosines(weights, lists),
        n_both=moments.n_both,
        evidence=partner_evidence(moments, lists, significant_z(n_pairs)),
        absorbed_by=absorbed_by(
            statistics.sample,
            encoder=weights.narrow.encoder,
            decoder=decoders.reference,
            match=geometry.narrow.other_sae,
            counted=counted,
        ),
    )
    return ScoredComparison(geometry, counts, scores)


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

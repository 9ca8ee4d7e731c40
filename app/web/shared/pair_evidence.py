"""What a comparison keeps of a narrow latent and a reference latent."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass

from sqlalchemy import Engine

from app.records import ComparisonSummary, FiringTable, LatentScores, Overlap, PairProfile, Partner
from app.scores.pair_overlap import firing_table, overlap
from app.store import read
from app.web.shared import formatting as show


@dataclass(frozen=True)
class PairEvidence:
    """What the comparison keeps of a pair; None and a note if it keeps nothing."""

    decoder_cosine: float | None
    firing: FiringTable | None
    overlap: Overlap | None
    note: str | None


def pair_evidence(
    engine: Engine, summary: ComparisonSummary, narrow: LatentScores, reference: LatentScores, partner: Partner | None
) -> PairEvidence:
    """The pair's numbers: of the partner if it is one, else from the narrow latent's profile."""
    n_tokens = summary.n_tokens
    if partner is not None:
        table = firing_table(partner.n_both, narrow.n_firings, reference.n_firings, n_tokens)
        return PairEvidence(partner.decoder_cosine, table, _overlap_of(partner), None)
    profile = read.get_profile(engine, summary.slug, narrow.index)
    place = _place(profile, reference.index)
    if place is None:
        return PairEvidence(None, None, None, _not_kept(profile, narrow, reference))
    table = firing_table(profile.n_both[place], narrow.n_firings, reference.n_firings, n_tokens)
    return PairEvidence(profile.decoder_cosine[place], table, overlap(table), None)


def _place(profile: PairProfile, j: int) -> int | None:
    place = bisect_left(profile.indices, j)
    return place if place < len(profile.indices) and profile.indices[place] == j else None


def _not_kept(profile: PairProfile, narrow: LatentScores, reference: LatentScores) -> str:
    return (
        f"The comparison keeps cosine and shared firings of narrow latent {narrow.index} for the "
        f"{show.number(len(profile.indices))} reference latents that matter most to it; "
        f"reference latent {reference.index} is not one of them."
    )


def _overlap_of(partner: Partner) -> Overlap:
    return Overlap(
        jaccard=partner.jaccard,
        jaccard_low=partner.jaccard_low,
        jaccard_high=partner.jaccard_high,
        p_j_given_i=partner.p_j_given_i,
        p_j_given_i_low=partner.p_j_given_i_low,
        p_j_given_i_high=partner.p_j_given_i_high,
        p_i_given_j=partner.p_i_given_j,
        lift=partner.lift,
        phi=partner.phi,
        z=partner.z,
    )

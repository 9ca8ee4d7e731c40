"""Arrays to records: the rows of the latents table. NaN becomes None with a reason."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from app.arrays import none_if_nan
from app.records import BySide, LatentDiagnosis, LatentScores, Partner, Side
from app.scores.diagnosis import ScoreFindings, diagnose_latent
from app.scores.mixing.results import Mixing
from app.scores.partner_records import partner_records
from app.scores.reasons import narrow_reasons, with_reasons
from app.scores.scored import LatentArrays, Scored


@dataclass(frozen=True)
class ScoreRecords:
    """All latents and partners of a comparison.

    Attributes:
        latents: of both SAEs, by index; partners: of each narrow latent, by rank.
    """

    latents: BySide[list[LatentScores]]
    partners: list[list[Partner]]


def score_records(scored: Scored, labels: BySide[Sequence[str]]) -> ScoreRecords:
    """Records of all that was scored.

    Args:
        labels: the tokens each latent fires on.
    """
    partners, arrays = partner_records(scored), scored.latents.reference
    main_partners = scored.partners.main_partners(len(arrays.level)).reference.tolist()
    narrow = [narrow_latent(scored, i, label, partners[i]) for i, label in enumerate(labels.narrow)]
    reference = [reference_latent(arrays, j, label, main_partners[j]) for j, label in enumerate(labels.reference)]
    return ScoreRecords(BySide(narrow, reference), partners)


def narrow_latent(scored: Scored, i: int, label: str, partners: Sequence[Partner]) -> LatentScores:
    """The row of a narrow latent.

    Args:
        partners: its partners' records.
    """
    mixing, evidence, absorbed_by = scored.mixing, scored.evidence, int(scored.absorbed_by[i])
    latent = replace(
        _common(scored.latents.narrow, "narrow", i, label),
        hedging_score=none_if_nan(mixing.score[i]),
        hedging_score_low=none_if_nan(mixing.low[i]),
        hedging_score_high=none_if_nan(mixing.high[i]),
        hedging_chance=none_if_nan(mixing.chance[i]),
        merged_mass=none_if_nan(mixing.merged[i]),
        decoder_hedging=none_if_nan(evidence.decoder[i]),
        activation_hedging=none_if_nan(evidence.activation[i]),
        decomposition_residual=float(scored.partners.residual[i]) if scored.partners.valid[i, 0] else None,
        main_partner=int(scored.partners.partners[i, 0]) if scored.partners.valid[i, 0] else None,
        n_hedged_partners=None if np.isnan(mixing.score[i]) else _n_named(partners),
        absorbed_by=absorbed_by if absorbed_by >= 0 else None,
        diagnosis=_diagnosis(scored, i),
    )
    return with_reasons(latent, narrow_reasons(scored, i))


def reference_latent(arrays: LatentArrays, j: int, label: str, main_partner: int) -> LatentScores:
    """The row of a reference latent.

    Args:
        main_partner: the narrow latent that it has the largest share in, -1 for none.
    """
    latent = replace(
        _common(arrays, "reference", j, label),
        main_partner=main_partner if main_partner >= 0 else None,
        diagnosis=None if arrays.firing.n_firings[j] else "dead",
    )
    return with_reasons(latent, {})


def _n_named(partners: Sequence[Partner]) -> int:
    return sum(partner.mixed_mass is not None for partner in partners)


def _diagnosis(scored: Scored, i: int) -> LatentDiagnosis | None:
    arrays = scored.latents.narrow
    return diagnose_latent(
        n_firings=int(arrays.firing.n_firings[i]),
        percentile=none_if_nan(arrays.percentile[i]),
        findings=None if np.isnan(scored.mixing.score[i]) else _findings(scored.mixing, i),
        absorbed=int(scored.absorbed_by[i]) >= 0,
    )


def _findings(mixing: Mixing, i: int) -> ScoreFindings:
    values = mixing.low, mixing.high, mixing.chance
    return ScoreFindings(*(float(each[i]) for each in values))


def _common(arrays: LatentArrays, side: Side, index: int, label: str) -> LatentScores:
    """What latents of both SAEs have; None elsewhere, without reasons yet."""
    firing, n = arrays.firing, int(arrays.firing.n_firings[index])
    nearest, overlapping = int(arrays.nearest.index[index, 0]), int(arrays.overlap.index[index])
    has_match = nearest >= 0
    return LatentScores(
        sae=side,
        index=index,
        level=int(arrays.level[index]),
        label=label,
        n_firings=n,
        density=n / firing.n_tokens,
        max_activation=float(firing.max_activation[index]) if n else None,
        mean_activation=float(firing.sum_activation[index] / n) if n else None,
        max_decoder_cosine=none_if_nan(arrays.nearest.cosine[index, 0]),
        max_decoder_cosine_percentile=none_if_nan(arrays.percentile[index]) if has_match else None,
        max_decoder_cosine_data_percentile=none_if_nan(arrays.data_percentile[index]) if has_match else None,
        max_decoder_cosine_index=nearest if has_match else None,
        mutual_best=bool(arrays.mutual[index]) if has_match else None,
        max_jaccard=none_if_nan(arrays.overlap.jaccard[index]),
        max_jaccard_index=overlapping if overlapping >= 0 else None,
        c_dec=none_if_nan(arrays.c_dec[index]),
    )

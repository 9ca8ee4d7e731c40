"""Arrays to records: the rows of the latents and partners tables. NaN becomes None with a reason."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from app.records import LatentScores, Partner, Side
from app.scores.decomposition import Decomposition
from app.scores.diagnosis import diagnose_latent, diagnose_partner
from app.scores.geometry import Nearest
from app.scores.hedging import MIN_FIRINGS, Evidence
from app.scores.overlap import overlap, wilson
from app.scores.score import Scores
from app.scores.typical import MIN_TOKENS

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Firing:
    """Firing statistics of one SAE's latents, all `[d_sae]`.

    Attributes:
        n_tokens: scored tokens.
        n_firings: tokens on which each latent is active.
        sum_acts: sums of activations; max_acts: largest activations.
    """

    n_tokens: int
    n_firings: NDArray[np.int64]
    sum_acts: Floats
    max_acts: NDArray[np.float32]


@dataclass(frozen=True)
class BestOverlap:
    """For each latent the latent of the other SAE with the largest Jaccard index; -1 and NaN for none."""

    index: NDArray[np.int64]
    jaccard: Floats


def best_overlap(n_both: sp.csr_array, n_i: NDArray[np.int64], n_j: NDArray[np.int64]) -> BestOverlap:
    """Best Jaccard index of each row's latent. Ties: lowest index first.

    Args:
        n_both: `[n, m]` co-firing counts, columns ascending.
        n_i: `[n]`, n_j: `[m]` firings.
    """
    row = np.repeat(np.arange(len(n_i)), np.diff(n_both.indptr))
    column = n_both.indices.astype(np.int64)
    both = n_both.data.astype(np.float64)
    jaccard = both / (n_i[row] + n_j[column] - both)
    index = np.full(len(n_i), -1, dtype=np.int64)
    best = np.where(n_i > 0, 0.0, np.nan)
    rows = np.flatnonzero(np.diff(n_both.indptr))
    if len(rows):
        best[rows] = np.maximum.reduceat(jaccard, n_both.indptr[rows])
        hit = np.flatnonzero(jaccard == best[row])
        # Columns ascend within a row: the first of equals has the lowest index.
        found, first = np.unique(row[hit], return_index=True)
        index[found] = column[hit[first]]
    return BestOverlap(index, best)


@dataclass(frozen=True)
class SideArrays:
    """What both SAEs' latents have, `[d_sae]` each.

    Attributes:
        levels: Matryoshka level; labels: tokens it fires on.
        nearest: in the other SAE; percentile: of the best cosine among isotropic random directions';
            data_percentile: among those with the inputs' covariance.
    """

    side: Side
    levels: NDArray[np.int64]
    labels: Sequence[str]
    firing: Firing
    nearest: Nearest
    percentile: NDArray[np.float32]
    data_percentile: NDArray[np.float32]
    mutual: NDArray[np.bool_]
    overlap: BestOverlap
    c_dec: NDArray[np.float32]


def narrow_latents(
    arrays: SideArrays,
    decompositions: Sequence[Decomposition],
    evidence: Evidence,
    scores: Scores,
    absorbing: NDArray[np.int64],
    partners: Sequence[Sequence[Partner]],
) -> list[LatentScores]:
    """Rows of the narrow latents.

    Args:
        absorbing: `[d_sae]` reference latent that absorbs each one's feature, -1 for none.
    """
    rows = []
    for i, decomposition in enumerate(decompositions):
        n_hedged = sum(partner.diagnosis == "hedged" for partner in partners[i])
        found = len(decomposition.partners) > 0
        enough = int(arrays.firing.n_firings[i]) >= MIN_FIRINGS
        score = number(scores.score[i])
        absorbed = int(absorbing[i]) >= 0
        own: dict[str, object] = {
            "hedging_score": score,
            "hedging_score_low": number(scores.low[i]),
            "hedging_score_high": number(scores.high[i]),
            "typical_hedging": number(scores.typical[i]),
            "refit_hedging": number(scores.refit[i]),
            "decoder_hedging": number(evidence.decoder[i]),
            "activation_hedging": number(evidence.activation[i]),
            "decomposition_residual": decomposition.residual if found else None,
            "main_partner": int(decomposition.partners[0]) if found else None,
            "n_hedged_partners": n_hedged if found and enough else None,
            "absorbed_by": int(absorbing[i]) if absorbed else None,
            "diagnosis": diagnose_latent(
                n_firings=int(arrays.firing.n_firings[i]),
                percentile=number(arrays.percentile[i]),
                score=score,
                absorbed=absorbed,
            ),
        }
        rows.append(_latent(arrays, i, own, _narrow_reasons(arrays.firing, scores, i, found)))
    return rows


def reference_latents(arrays: SideArrays, partners: Sequence[Sequence[Partner]]) -> list[LatentScores]:
    """Rows of the reference latents; their main partner is the narrow latent they have most share in."""
    main: dict[int, tuple[float, int]] = {}
    for partner in (partner for each in partners for partner in each):
        best = main.get(partner.index, (-1.0, -1))
        if partner.share > best[0]:
            main[partner.index] = (partner.share, partner.narrow_index)
    rows = []
    for j in range(len(arrays.levels)):
        dead = int(arrays.firing.n_firings[j]) == 0
        own: dict[str, object] = {
            "main_partner": main[j][1] if j in main else None,
            "diagnosis": "dead" if dead else None,
        }
        rows.append(_latent(arrays, j, own, {"main_partner": "in no narrow latent's decomposition"}))
    return rows


def _narrow_reasons(firing: Firing, scores: Scores, i: int, found: bool) -> dict[str, str]:
    """Why a narrow latent's own fields are None, where they are."""
    of_score = _too_few(int(scores.n_firings[i]), scores.n_tokens, MIN_TOKENS, "sampled")
    of_partners = _too_few(int(firing.n_firings[i]), firing.n_tokens, MIN_FIRINGS, "scored")
    scored = not np.isnan(scores.score[i])
    of_score = of_score or (GROUP_TOO_SMALL if np.isnan(scores.typical[i]) else NOISY_REFIT)
    return {
        **dict.fromkeys(("hedging_score", "typical_hedging", "diagnosis"), of_score),
        **dict.fromkeys(("hedging_score_low", "hedging_score_high"), GROUP_TOO_SMALL if scored else of_score),
        "refit_hedging": of_score,
        **dict.fromkeys(
            ("activation_hedging", "n_hedged_partners"), (of_partners or NOTHING_EXPLAINED) if found else NOT_FOUND
        ),
        **dict.fromkeys(("decoder_hedging", "decomposition_residual", "main_partner"), NOT_FOUND),
        "absorbed_by": NOT_ABSORBED,
    }


def _too_few(n: int, n_tokens: int, needed: int, which: str) -> str:
    """Empty where there are enough firings."""
    if n == 0:
        return f"never fires on the {n_tokens:,} {which} tokens"
    if n < needed:
        return f"fires on {n} of {n_tokens:,} {which} tokens; at least {needed} are needed"
    return ""


NOTHING_EXPLAINED = "its partners' activations explain nothing of its own"
GROUP_TOO_SMALL = "too few firings, or rows of text, to tell its direction from noise"
NOISY_REFIT = "two halves of the tokens give it different directions: what the regression says is noise"
NOT_ABSORBED = "no sign that another latent has taken over its feature"
NOT_FOUND = "no reference latent explains 1 % of its decoder row"

_OWN_FIELDS = (
    "hedging_score",
    "hedging_score_low",
    "hedging_score_high",
    "typical_hedging",
    "refit_hedging",
    "decoder_hedging",
    "activation_hedging",
    "decomposition_residual",
    "main_partner",
    "n_hedged_partners",
    "absorbed_by",
    "diagnosis",
)

REASONS = {
    **dict.fromkeys(_OWN_FIELDS, "scores are defined for narrow latents, relative to the reference"),
    **dict.fromkeys(("max_activation", "mean_activation", "max_jaccard"), "never fires on the scored tokens"),
    **dict.fromkeys(
        (
            "max_decoder_cosine",
            "max_decoder_cosine_percentile",
            "max_decoder_cosine_data_percentile",
            "max_decoder_cosine_index",
            "mutual_best",
        ),
        "the other SAE has no latent that fires",
    ),
    "max_jaccard_index": "fires together with no latent of the other SAE",
    "c_dec": "its SAE has no other latent",
}
"""Field -> why it is None, where nothing else is said."""


def _latent(arrays: SideArrays, index: int, own: dict[str, object], own_reasons: Mapping[str, str]) -> LatentScores:
    firing = arrays.firing
    n = int(firing.n_firings[index])
    near = int(arrays.nearest.index[index, 0])
    overlapping = int(arrays.overlap.index[index])
    values: dict[str, object] = {
        **dict.fromkeys(_OWN_FIELDS),
        **own,
        "max_activation": float(firing.max_acts[index]) if n else None,
        "mean_activation": float(firing.sum_acts[index] / n) if n else None,
        "max_decoder_cosine": number(arrays.nearest.cosine[index, 0]),
        "max_decoder_cosine_percentile": number(arrays.percentile[index]) if near >= 0 else None,
        "max_decoder_cosine_data_percentile": number(arrays.data_percentile[index]) if near >= 0 else None,
        "max_decoder_cosine_index": near if near >= 0 else None,
        "mutual_best": bool(arrays.mutual[index]) if near >= 0 else None,
        "max_jaccard": number(arrays.overlap.jaccard[index]),
        "max_jaccard_index": overlapping if overlapping >= 0 else None,
        "c_dec": number(arrays.c_dec[index]),
    }
    known = {**REASONS, **own_reasons}
    return LatentScores(
        sae=arrays.side,
        index=index,
        level=int(arrays.levels[index]),
        label=arrays.labels[index],
        n_firings=n,
        density=n / firing.n_tokens,
        **values,  # type: ignore[arg-type]
        reasons={name: known[name] for name, value in values.items() if value is None},
    )


@dataclass(frozen=True)
class PartnerArrays:
    """Evidence for all partners, `[L, K]` each, padded as in `hedging`."""

    n_both: NDArray[np.int64]
    cosines: NDArray[np.float32]
    cosines_to_main: NDArray[np.float32]


def partner_rows(
    decompositions: Sequence[Decomposition],
    arrays: PartnerArrays,
    evidence: Evidence,
    narrow: Firing,
    reference: Firing,
    reference_levels: NDArray[np.int64],
    absorbing: NDArray[np.int64],
) -> list[list[Partner]]:
    """Partner records of each narrow latent, by rank."""
    return [
        _partners_of(i, decomposition, arrays, evidence, narrow, reference, reference_levels, int(absorbing[i]))
        for i, decomposition in enumerate(decompositions)
    ]


def _partners_of(
    i: int,
    decomposition: Decomposition,
    arrays: PartnerArrays,
    evidence: Evidence,
    narrow: Firing,
    reference: Firing,
    reference_levels: NDArray[np.int64],
    absorbing: int,
) -> list[Partner]:
    k = len(decomposition.partners)
    if k == 0:
        return []
    n_both = arrays.n_both[i, :k]
    n_i = np.full(k, narrow.n_firings[i])
    n_j = reference.n_firings[decomposition.partners]
    firing = overlap(n_both, n_i, n_j, narrow.n_tokens)
    jaccard_low, jaccard_high = wilson(n_both, n_i + n_j - n_both)
    p_low, p_high = wilson(n_both, n_i)
    return [
        Partner(
            narrow_index=i,
            index=int(j),
            rank=rank,
            level=int(reference_levels[j]),
            decoder_cosine=float(arrays.cosines[i, rank]),
            weight=float(decomposition.weights[rank]),
            share=float(decomposition.shares[rank]),
            activation_share=number(evidence.activation_share[i, rank]),
            n_both=int(n_both[rank]),
            n_narrow=int(n_i[rank]),
            n_reference=int(n_j[rank]),
            jaccard=number(firing.jaccard[rank]),
            jaccard_low=number(jaccard_low[rank]),
            jaccard_high=number(jaccard_high[rank]),
            p_j_given_i=number(firing.p_j_given_i[rank]),
            p_j_given_i_low=number(p_low[rank]),
            p_j_given_i_high=number(p_high[rank]),
            p_i_given_j=number(firing.p_i_given_j[rank]),
            lift=number(firing.lift[rank]),
            phi=number(firing.phi[rank]),
            z=number(evidence.z[i, rank]),
            diagnosis=diagnose_partner(
                rank=rank,
                hedged=bool(evidence.hedged[i, rank]),
                absorbs=int(j) == absorbing,
                cosine_to_main=float(arrays.cosines_to_main[i, rank]),
            ),
        )
        for rank, j in enumerate(decomposition.partners)
    ]


def number(value: np.floating | float) -> float | None:
    """A float, or None for NaN."""
    return None if np.isnan(value) else float(value)

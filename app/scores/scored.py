"""Everything that is scored of a comparison, as arrays."""

from __future__ import annotations

from dataclasses import dataclass

from app.arrays import Flags, Float32s, Int64s
from app.records import BySide
from app.scores.cosines import Nearest
from app.scores.mixing.results import Mixing
from app.scores.partner_evidence import PartnerEvidence
from app.scores.partner_pairs import PairCosines, PartnerPairs
from app.scores.partners import PartnerLists
from app.stats.best_partners import BestPartners
from app.stats.density import FiringTotals


@dataclass(frozen=True)
class LatentArrays:
    """What the latents of either SAE have, `[d_sae]` each.

    Attributes:
        level: Matryoshka level.
        firing: how often and how strongly they fire.
        nearest: in the other SAE, by decoder cosine.
        percentile: of the best cosine among those of isotropic random directions;
            data_percentile: among those of directions with the inputs' covariance.
        mutual: whether the nearest latent's own nearest one is this latent.
        overlap: in the other SAE, by firing.
        c_dec: mean absolute cosine to the others of the same SAE.
    """

    level: Int64s
    firing: FiringTotals
    nearest: Nearest
    percentile: Float32s
    data_percentile: Float32s
    mutual: Flags
    overlap: BestPartners
    c_dec: Float32s


@dataclass(frozen=True)
class Scored:
    """All scores of a comparison.

    Attributes:
        latents: of both SAEs.
        mixing: hedging scores of the narrow latents and their named partners.
        partners: the decomposition of each narrow latent; evidence: of its partners.
        pairs: all pairs of a narrow latent and a partner; n_both: `[N]` tokens on which both fire.
        cosines: of these pairs.
        absorbed_by: `[n_narrow]` reference latent that absorbs each one's feature, -1 for none.
    """

    latents: BySide[LatentArrays]
    mixing: Mixing
    partners: PartnerLists
    evidence: PartnerEvidence
    pairs: PartnerPairs
    n_both: Int64s
    cosines: PairCosines
    absorbed_by: Int64s

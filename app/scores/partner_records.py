"""Arrays to records: the rows of the partners table. NaN becomes None."""

from __future__ import annotations

from typing import Any

from app.arrays import none_if_nan
from app.records import Partner, PartnerDiagnosis
from app.scores.diagnosis import diagnose_partner
from app.scores.overlap import overlap, wilson
from app.scores.scored import Scored


def partner_records(scored: Scored) -> list[list[Partner]]:
    """Partner records of each narrow latent, by rank."""
    records: list[list[Partner]] = [[] for _ in scored.partners.valid]
    pairs = _Pairs(scored)
    for pair in range(len(scored.pairs.rank)):
        record = pairs.record(pair)
        records[record.narrow_index].append(record)
    return records


class _Pairs:
    """All pairs of a comparison, with how they fire."""

    def __init__(self, scored: Scored) -> None:
        self._scored = scored
        pairs, firing = scored.pairs.pairs, scored.latents.map(lambda side: side.firing)
        self._n_i, self._n_j = firing.narrow.n_firings[pairs.narrow], firing.reference.n_firings[pairs.reference]
        self._together = overlap(scored.n_both, self._n_i, self._n_j, firing.narrow.n_tokens)
        self._jaccard = wilson(scored.n_both, self._n_i + self._n_j - scored.n_both)
        self._given_i = wilson(scored.n_both, self._n_i)

    def record(self, pair: int) -> Partner:
        """The record of one pair."""
        scored, pairs = self._scored, self._scored.pairs.pairs
        i, j, rank = int(pairs.narrow[pair]), int(pairs.reference[pair]), int(scored.pairs.rank[pair])
        return Partner(
            narrow_index=i,
            index=j,
            rank=rank,
            level=int(scored.latents.reference.level[j]),
            decoder_cosine=float(scored.cosines.to_narrow[pair]),
            diagnosis=self._role(pair, rank),
            n_both=int(scored.n_both[pair]),
            n_narrow=int(self._n_i[pair]),
            n_reference=int(self._n_j[pair]),
            **self._decomposition(pair, i, rank),
            **self._overlap(pair),
            **self._mixture(int(scored.pairs.named[pair])),
        )

    def _role(self, pair: int, rank: int) -> PartnerDiagnosis:
        scored = self._scored
        i = int(scored.pairs.pairs.narrow[pair])
        return diagnose_partner(
            rank=rank,
            named=bool(scored.pairs.named[pair] >= 0),
            absorbs=int(scored.pairs.pairs.reference[pair]) == int(scored.absorbed_by[i]),
            cosine_to_main=float(scored.cosines.to_main[pair]),
        )

    def _decomposition(self, pair: int, i: int, rank: int) -> dict[str, Any]:
        """Weight and shares: of the decomposition, in which a partner that is only named has none."""
        if not self._scored.pairs.listed[pair]:
            return {"weight": 0.0, "share": 0.0, "activation_share": None}
        lists = self._scored.partners
        return {
            "weight": float(lists.weights[i, rank]),
            "share": float(lists.shares[i, rank]),
            "activation_share": none_if_nan(self._scored.evidence.activation_share[i, rank]),
        }

    def _overlap(self, pair: int) -> dict[str, Any]:
        """How the two fire together."""
        together, jaccard, given_i = self._together, self._jaccard, self._given_i
        values = {
            "jaccard": together.jaccard,
            "jaccard_low": jaccard[0],
            "jaccard_high": jaccard[1],
            "p_j_given_i": together.p_j_given_i,
            "p_j_given_i_low": given_i[0],
            "p_j_given_i_high": given_i[1],
            "p_i_given_j": together.p_i_given_j,
            "lift": together.lift,
            "phi": together.phi,
            "z": together.z,
        }
        return {name: none_if_nan(array[pair]) for name, array in values.items()}

    def _mixture(self, named: int) -> dict[str, Any]:
        """The term of the score that a named partner is."""
        if named < 0:
            return {}
        partners = self._scored.mixing.partners
        return {
            "mixed_mass": float(partners.mass[named]),
            "mixed_mass_low": float(partners.low[named]),
            "mixed_mass_high": float(partners.high[named]),
            "composition_mass": float(partners.composition[named]),
            "residual_mass": float(partners.residual[named]),
            "q_value": float(partners.q[named]),
            "p_i_given_j_own_silent": none_if_nan(partners.p_alone[named]),
            "n_own_silent": int(partners.n_alone[named]),
        }

"""Arrays to records: the rows of the partners table. NaN becomes None."""

from __future__ import annotations

import numpy as np

from app.arrays import none_if_nan
from app.records import Partner
from app.scores.diagnosis import diagnose_partner
from app.scores.overlap import overlap, wilson
from app.scores.scored import Scored


def partner_records(scored: Scored) -> list[list[Partner]]:
    """Partner records of each narrow latent, by rank."""
    return [_partners_of(scored, i) for i in range(len(scored.partners.valid))]


def _partners_of(scored: Scored, i: int) -> list[Partner]:
    partners = scored.partners.of(i)
    if not len(partners):
        return []
    firing = scored.latents.map(lambda side: side.firing)
    n_both = scored.n_both[i, : len(partners)]
    n_i, n_j = np.full(len(partners), firing.narrow.n_firings[i]), firing.reference.n_firings[partners]
    together = overlap(n_both, n_i, n_j, firing.narrow.n_tokens)
    jaccard_low, jaccard_high = wilson(n_both, n_i + n_j - n_both)
    p_low, p_high = wilson(n_both, n_i)
    return [
        Partner(
            narrow_index=i,
            index=int(j),
            rank=rank,
            level=int(scored.latents.reference.level[j]),
            decoder_cosine=float(scored.cosines.to_narrow[i, rank]),
            weight=float(scored.partners.weights[i, rank]),
            share=float(scored.partners.shares[i, rank]),
            activation_share=none_if_nan(scored.evidence.activation_share[i, rank]),
            n_both=int(n_both[rank]),
            n_narrow=int(n_i[rank]),
            n_reference=int(n_j[rank]),
            jaccard=none_if_nan(together.jaccard[rank]),
            jaccard_low=none_if_nan(jaccard_low[rank]),
            jaccard_high=none_if_nan(jaccard_high[rank]),
            p_j_given_i=none_if_nan(together.p_j_given_i[rank]),
            p_j_given_i_low=none_if_nan(p_low[rank]),
            p_j_given_i_high=none_if_nan(p_high[rank]),
            p_i_given_j=none_if_nan(together.p_i_given_j[rank]),
            lift=none_if_nan(together.lift[rank]),
            phi=none_if_nan(together.phi[rank]),
            z=none_if_nan(scored.evidence.z[i, rank]),
            diagnosis=diagnose_partner(
                rank=rank,
                hedged=bool(scored.evidence.hedged[i, rank]),
                absorbs=int(j) == int(scored.absorbed_by[i]),
                cosine_to_main=float(scored.cosines.to_main[i, rank]),
            ),
        )
        for rank, j in enumerate(partners)
    ]

"""Statistics and weights to scores, for all latents of a comparison."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from app.errors import ScoringError
from app.pipeline.parallel import together
from app.pipeline.passes import Statistics
from app.pipeline.progress import Progress
from app.sae.load import LoadedSae
from app.scores.absorption import absorbed_by
from app.scores.candidates import candidates_of
from app.scores.decomposition import Decomposition, decompose
from app.scores.geometry import Nearest, Null, nearest, neighbours, null_of
from app.scores.hedging import Evidence, PartnerMoments, evidence
from app.scores.overlap import significant_z
from app.scores.score import Scores, score_sample
from app.stats.pairs import PairTotals

N_NEIGHBOURS = 10
LATENTS_PER_BLOCK = 64
"""Narrow latents whose cosines are made at once: 64 × 65,536 of them are 17 MB."""


@dataclass(frozen=True)
class Geometry:
    """Decoder cosines of both SAEs.

    Attributes:
        narrow, reference: nearest latents in the other SAE.
        narrow_own, reference_own: nearest latents in the same SAE.
        narrow_c_dec, reference_c_dec: `[d_sae]` mean absolute cosine to the others of the same SAE.
        null: of isotropic random directions against the reference; narrow_null: against the narrow SAE.
        data_null, narrow_data_null: the same of directions with the inputs' covariance.
        narrow_alive, reference_alive: `[d_sae]` latents that can be somebody's match.
    """

    narrow: Nearest
    reference: Nearest
    narrow_own: Nearest
    reference_own: Nearest
    narrow_c_dec: NDArray[np.float32]
    reference_c_dec: NDArray[np.float32]
    null: Null
    narrow_null: Null
    data_null: Null
    narrow_data_null: Null
    narrow_alive: NDArray[np.bool_]
    reference_alive: NDArray[np.bool_]


def geometry_of(narrow: LoadedSae, reference: LoadedSae, statistics: Statistics) -> Geometry:
    """Cosines both ways; latents that never fire are no match for anything.

    Where the narrow SAE is a prefix of the reference, its latents are left out of the reference:
    each would only find itself.

    Raises:
        ScoringError: the reference has no latent left.
    """
    n_alive = statistics.narrow.firing.n_firings > 0
    r_alive = statistics.reference.firing.n_firings > 0
    own = is_prefix(narrow, reference)
    if own:
        r_alive[: narrow.d_sae] = False
    if not r_alive.any():
        raise ScoringError(
            f"{reference.record.name}: no latent{' beyond the narrow SAE' if own else ''} fires on the "
            f"{statistics.co_firing.n_tokens:,} scored tokens, so there is nothing to compare with; "
            "give more tokens or another reference"
        )
    d, e, inputs = narrow.unit_decoder, reference.unit_decoder, statistics.sample.inputs
    of_narrow, of_reference, near_narrow, near_reference, *nulls = together(
        partial(neighbours, d, n_alive, N_NEIGHBOURS),
        partial(neighbours, e, statistics.reference.firing.n_firings > 0, N_NEIGHBOURS),
        partial(nearest, d, e, r_alive, N_NEIGHBOURS),
        partial(nearest, e, d, n_alive, N_NEIGHBOURS, same=own),
        partial(null_of, e, r_alive),
        partial(null_of, d, n_alive),
        partial(null_of, e, r_alive, inputs=inputs),
        partial(null_of, d, n_alive, inputs=inputs),
    )
    return Geometry(
        narrow=near_narrow,
        reference=near_reference,
        narrow_own=of_narrow[0],
        reference_own=of_reference[0],
        narrow_c_dec=of_narrow[1],
        reference_c_dec=of_reference[1],
        null=nulls[0],
        narrow_null=nulls[1],
        data_null=nulls[2],
        narrow_data_null=nulls[3],
        narrow_alive=n_alive,
        reference_alive=r_alive,
    )


def is_prefix(narrow: LoadedSae, reference: LoadedSae) -> bool:
    """Whether the narrow SAE's latents are the reference's first ones."""
    return narrow.shard_key == reference.shard_key


def decompositions_of(
    narrow: LoadedSae, reference: LoadedSae, geometry: Geometry, statistics: Statistics, progress: Progress
) -> list[Decomposition]:
    """Each narrow latent on its candidates."""
    advance = progress("decomposition", narrow.d_sae, "latents")
    firing = statistics.reference.firing
    n_both = statistics.co_firing.n_both
    result = []
    for start in range(0, narrow.d_sae, LATENTS_PER_BLOCK):
        table = narrow.unit_decoder[start : start + LATENTS_PER_BLOCK] @ reference.unit_decoder.T
        table[:, ~geometry.reference_alive] = np.nan
        for i, cosines in enumerate(table, start):
            n_i = int(statistics.narrow.firing.n_firings[i])
            candidates = candidates_of(cosines, n_both, n_i, firing.n_firings, i, firing.n_tokens)
            result.append(decompose(narrow.unit_decoder[i], reference.unit_decoder[candidates], candidates))
        advance(len(table))
    return result


@dataclass(frozen=True)
class Padded:
    """Lists of partners as arrays `[L, K]`; `valid` is false where a list is shorter."""

    partners: NDArray[np.int64]
    weights: NDArray[np.float64]
    shares: NDArray[np.float64]
    valid: NDArray[np.bool_]


def padded(decompositions: Sequence[Decomposition]) -> Padded:
    """Pad the lists; there is at least one column."""
    width = max(1, *(len(each.partners) for each in decompositions))
    shape = (len(decompositions), width)
    partners, valid = np.zeros(shape, dtype=np.int64), np.zeros(shape, dtype=np.bool_)
    weights, shares = np.zeros(shape), np.zeros(shape)
    for i, each in enumerate(decompositions):
        k = len(each.partners)
        partners[i, :k], weights[i, :k], shares[i, :k] = each.partners, each.weights, each.shares
        valid[i, :k] = True
    return Padded(partners, weights, shares, valid)


def evidence_of(moments: PartnerMoments, lists: Padded, geometry: Geometry) -> Evidence:
    """Shares and gates of the partners."""
    threshold = significant_z(len(lists.partners) * int(geometry.reference_alive.sum()))
    return evidence(moments, lists.weights, lists.shares, lists.valid, threshold)


def moments_of(statistics: Statistics, lists: Padded, sums: PairTotals, grams: NDArray[np.float64]) -> PartnerMoments:
    """Moments over all tokens.

    Args:
        sums: of the pairs that are `lists.valid`, in their order; grams: `[L, K, K]`.
    """
    n_both, sum_products = np.zeros(lists.partners.shape, dtype=np.int64), np.zeros(lists.partners.shape)
    n_both[lists.valid], sum_products[lists.valid] = sums.n_both, sums.sum_products
    narrow, reference = statistics.narrow.firing, statistics.reference.firing
    return PartnerMoments(
        n_tokens=narrow.n_tokens,
        n_i=narrow.n_firings,
        sum_i=narrow.sum_activation,
        sum_ii=narrow.sum_squares,
        n_j=reference.n_firings[lists.partners] * lists.valid,
        sum_j=reference.sum_activation[lists.partners] * lists.valid,
        n_both=n_both,
        sum_ij=sum_products,
        sum_jk=grams,
    )


def scores_of(narrow: LoadedSae, statistics: Statistics, geometry: Geometry, progress: Progress) -> Scores:
    """The hedging scores of all narrow latents."""
    advance = progress("hedging scores", narrow.d_sae, "latents")
    return score_sample(statistics.sample, narrow.unit_decoder, geometry.reference_alive, advance)


def absorbing_latents(
    narrow: LoadedSae, reference: LoadedSae, statistics: Statistics, geometry: Geometry
) -> NDArray[np.int64]:
    """`[n_narrow]` the reference latent that absorbs each one's feature, -1 for none."""
    encoder = narrow.module.W_enc.T[: narrow.d_sae].numpy()
    near = geometry.narrow
    return absorbed_by(
        statistics.sample,
        encoder,
        reference.unit_decoder,
        near.index[:, 0],
        near.cosine[:, 0],
        geometry.reference_alive,
    )

"""The pairs of a comparison: every narrow latent with the reference latents that its page and its score name."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from app.arrays import Flags, Float32s, Int64s
from app.scores.cosines import cosines_of_pairs
from app.scores.mixing.results import NamedPartners
from app.scores.partners import PartnerLists
from app.scores.weights import ComparedWeights
from app.stats.pairs import LatentPairs


@dataclass(frozen=True)
class PartnerPairs:
    """N pairs, by narrow latent: its decomposition by rank, then the named partners outside it by mass.

    Attributes:
        pairs: the latents of each; rank: `[N]` place in its narrow latent's list.
        listed: `[N]` whether it is in the decomposition.
        named: `[N]` its place among the named partners, -1 for none.
    """

    pairs: LatentPairs
    rank: Int64s
    listed: Flags
    named: Int64s


def partner_pairs(lists: PartnerLists, partners: NamedPartners) -> PartnerPairs:
    """The pairs of both kinds."""
    narrow, rank = np.nonzero(lists.valid)
    reference = lists.partners[narrow, rank]
    n_reference = int(max(reference.max(initial=-1), partners.reference.max(initial=-1))) + 1
    listed, named = narrow * n_reference + reference, partners.narrow * n_reference + partners.reference
    outside = np.flatnonzero(~np.isin(named, listed))
    # Ranks of those outside come after all that a list can hold; named partners are sorted already.
    narrow = np.concatenate([narrow, partners.narrow[outside]])
    order = np.lexsort((np.concatenate([rank, lists.valid.shape[1] + np.arange(len(outside))]), narrow))
    narrow = narrow[order]
    reference = np.concatenate([reference, partners.reference[outside]])[order]
    first = np.searchsorted(narrow, narrow)
    return PartnerPairs(
        pairs=LatentPairs(narrow, reference),
        # Without a decomposition there is no main partner, and rank 0 is its.
        rank=np.arange(len(narrow)) - first + ~lists.valid[narrow, 0],
        listed=order < len(listed),
        named=_places(named, narrow * n_reference + reference),
    )


@dataclass(frozen=True)
class PairCosines:
    """Decoder cosines, `[N]` each: of the reference latent to the narrow one, and to that one's main partner."""

    to_narrow: Float32s
    to_main: Float32s


def pair_cosines(weights: ComparedWeights, lists: PartnerLists, pairs: LatentPairs) -> PairCosines:
    """Cosines of all pairs; a narrow latent that has pairs has a main partner."""
    narrow, reference = weights.narrow.decoder, weights.reference.decoder
    return PairCosines(
        to_narrow=cosines_of_pairs(narrow, reference, pairs.narrow, pairs.reference),
        to_main=cosines_of_pairs(reference, reference, lists.partners[pairs.narrow, 0], pairs.reference),
    )


def _places(keys: Int64s, wanted: Int64s) -> Int64s:
    """`[n]` where each wanted key is among the keys, -1 where it isn't; no key is there twice."""
    if not len(keys):
        return np.full(len(wanted), -1, dtype=np.int64)
    order = np.argsort(keys)
    place = order[np.minimum(np.searchsorted(keys, wanted, sorter=order), len(keys) - 1)]
    return np.where(keys[place] == wanted, place, -1)

"""Each narrow latent against the reference latents, so that any pair has a page."""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from app.arrays import Int64s
from app.records import PairProfile
from app.scores.blocks import blocks
from app.scores.cosines import cosines_of_pairs
from app.scores.geometry import Geometry
from app.scores.weights import ComparedWeights
from app.stats.pairs import LatentPairs

MAX_PROFILE = 8192
"""Reference latents a profile lists at most: all of them up to this width, else the most co-firing."""

N_MOST = 1024
"""Reference latents listed for firing together most often, where not all are."""


def pair_profiles(
    weights: ComparedWeights, n_both: sp.csr_array, geometry: Geometry, pairs: LatentPairs
) -> Iterator[PairProfile]:
    """Each narrow latent against every reference latent, or the ones that matter most.

    Args:
        n_both: `[n_narrow, n_reference]` co-firing counts.
        pairs: all partners, by narrow latent.
    """
    narrow, reference = weights.narrow.decoder, weights.reference.decoder
    if len(reference) > MAX_PROFILE:
        yield from _short_profiles(weights, n_both, geometry, pairs)
        return
    everything = _packed(np.arange(len(reference)), "i")
    for block in blocks(len(narrow)):
        counts = n_both[block].toarray()
        cosines = np.clip(narrow[block] @ reference.T, -1, 1)
        for i, both, row in zip(range(block.start, block.stop), counts, cosines, strict=True):
            yield PairProfile(i, everything, _packed(both, "q"), _packed(row, "f"), True)


def _packed(values: NDArray[Any], code: str) -> array[Any]:
    """Numbers as the standard library packs them, for the store: no object for each."""
    return array(code, values.astype(code, copy=False).tobytes())


def _short_profiles(
    weights: ComparedWeights, n_both: sp.csr_array, geometry: Geometry, pairs: LatentPairs
) -> Iterator[PairProfile]:
    """Of each narrow latent the reference latents that fire with it most often, its partners and its neighbours."""
    narrow, reference = weights.narrow.decoder, weights.reference.decoder
    bounds = np.searchsorted(pairs.narrow, np.arange(len(narrow) + 1))
    for i in range(len(narrow)):
        entries = slice(n_both.indptr[i], n_both.indptr[i + 1])
        columns, counts = n_both.indices[entries].astype(np.int64), n_both.data[entries]
        most = columns[np.argsort(-counts, kind="stable")[:N_MOST]]
        nearest = geometry.narrow.other_sae.index[i]
        indices = np.unique(np.concatenate([most, pairs.reference[bounds[i] : bounds[i + 1]], nearest[nearest >= 0]]))
        cosines = cosines_of_pairs(narrow, reference, np.full(len(indices), i), indices)
        both = _counts_at(indices, columns, counts)
        yield PairProfile(i, _packed(indices, "i"), _packed(both, "q"), _packed(cosines, "f"), False)


def _counts_at(indices: Int64s, columns: Int64s, counts: Int64s) -> Int64s:
    """`[n]` counts of some reference latents, 0 for those not among `columns`, which ascend."""
    if not len(columns):
        return np.zeros(len(indices), dtype=np.int64)
    place = np.minimum(np.searchsorted(columns, indices), len(columns) - 1)
    return np.where(columns[place] == indices, counts[place], 0)

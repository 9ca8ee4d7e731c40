"""What a regression on chosen reference latents needs besides the sums of each: their products with one another."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import scipy.sparse as sp

from app.arrays import Flags, Float64s, Int64s
from app.sparse.csr import SparseActs, concatenate
from app.stats.checks import expect_width

BUFFER_ENTRIES = 1 << 20
"""Active latents held before they are multiplied, about 8 MB: looking a product up at each shard would cost more."""


class PartnerProducts:
    """Accumulates Σ r_j r_k over all tokens, for the reference latents j and k of each list.

    Args:
        lists: `[L, K]` int64 reference latents, padded at will.
        valid: `[L, K]` false for padding.
        n_reference: width of the SAE.
    """

    def __init__(self, lists: Int64s, valid: Flags, n_reference: int) -> None:
        self._valid = valid[:, :, None] & valid[:, None, :]
        self._used, place = np.unique(lists, return_inverse=True)
        self._place = place.reshape(lists.shape)
        self._n_reference = n_reference
        self._held: list[SparseActs] = []
        self._sums = np.zeros((*lists.shape, lists.shape[1]))

    def update(self, reference: SparseActs) -> None:
        """Add a shard."""
        expect_width(reference, self._n_reference)
        # A new object over the same arrays, as in `ShardBuffer`: the caller's shard caches a sorted copy.
        self._held.append(replace(reference))
        if sum(len(acts.latent) for acts in self._held) >= BUFFER_ENTRIES:
            self._multiply()

    def merge(self, other: PartnerProducts) -> None:
        """Add what another accumulator of the same lists saw."""
        self._sums += other.finalize()

    def finalize(self) -> Float64s:
        """`[L, K, K]` sums so far, 0 where either place is padding; not a copy, since they can be large."""
        self._multiply()
        return self._sums

    def _multiply(self) -> None:
        if not self._held:
            return
        acts = concatenate(self._held).csr(np.float64)[:, self._used]
        self._held = []
        if self._place.size:
            products = acts.T.tocsr() @ acts
            products.sort_indices()  # looking up wants it
            self._sums += _look_up(products, self._place[:, :, None], self._place[:, None, :]) * self._valid


def _look_up(matrix: sp.csr_array, row: Int64s, column: Int64s) -> Float64s:
    """Entries of a sparse matrix, 0 where it has none, in the broadcast shape of the indices."""
    row, column = np.broadcast_arrays(row, column)
    entries = np.asarray(matrix[row.ravel(), column.ravel()])
    return entries.reshape(row.shape)

"""For each latent the latent of the other SAE with which it fires most alike."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp

from app.arrays import Flags, Float64s, Int32s, Int64s
from app.records import BySide


@dataclass(frozen=True)
class BestPartners:
    """For each latent the latent of the other SAE with the largest Jaccard index of their firings.

    Attributes:
        index: `[n]` int64, lowest index of equals; -1 where it fires together with none.
        jaccard: `[n]` float64, 0 where it fires together with none, NaN where it never fires.
    """

    index: Int64s
    jaccard: Float64s


def best_partners(n_both: sp.csr_array, n_firings: BySide[Int64s], *, is_prefix: bool) -> BySide[BestPartners]:
    """Best partners of narrow latents, and of reference latents the other way.

    Args:
        n_both: `[n_narrow, n_reference]` co-firing counts of every pair.
        n_firings: `[n_narrow]` and `[n_reference]` firings of each latent alone.
        is_prefix: whether the narrow latents are the reference's first ones: they are not partners of
            narrow latents then, and no latent is its own partner.
    """
    pairs = n_both.tocoo()
    forth = (pairs.col >= len(n_firings.narrow)) | (not is_prefix)
    back = (pairs.col != pairs.row) | (not is_prefix)
    return BySide(
        best_of_rows(_sorted(_only(pairs, forth).tocsr()), n_firings.narrow, n_firings.reference),
        best_of_rows(_sorted(_only(pairs, back).T.tocsr()), n_firings.reference, n_firings.narrow),
    )


def best_of_rows(n_both: sp.csr_array, n_i: Int64s, n_j: Int64s) -> BestPartners:
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
    return BestPartners(index, best)


def _sorted(pairs: sp.csr_array) -> sp.csr_array:
    pairs.sort_indices()
    return pairs


def _only(pairs: sp.coo_array, kept: Flags) -> sp.coo_array:
    return sp.coo_array((pairs.data[kept], (pairs.row[kept], pairs.col[kept])), shape=pairs.shape)


class RunningBest:
    """The best partners of both SAEs' latents, found a narrow latent at a time.

    Args:
        n_firings: firings of each latent alone.
        is_prefix: as in `best_partners`.
    """

    def __init__(self, n_firings: BySide[Int64s], *, is_prefix: bool) -> None:
        self._n_firings, self._is_prefix = n_firings, is_prefix
        self._index = n_firings.map(lambda n: np.full(len(n), -1, dtype=np.int64))
        self._jaccard = n_firings.map(lambda n: np.zeros(len(n)))

    def update(self, i: int, partners: Int64s, both: Int32s) -> None:
        """Add a narrow latent; latents come in order.

        Args:
            partners: `[n]` all reference latents that it fires with, ascending; both: `[n]` on how many tokens.
        """
        jaccard = both / (self._n_firings.narrow[i] + self._n_firings.reference[partners] - both)
        better = jaccard > self._jaccard.reference[partners]
        if self._is_prefix:
            better &= partners != i
        self._jaccard.reference[partners[better]] = jaccard[better]
        self._index.reference[partners[better]] = i
        first = int(np.searchsorted(partners, len(self._n_firings.narrow))) if self._is_prefix else 0
        if first < len(partners):
            best = first + int(np.argmax(jaccard[first:]))
            self._index.narrow[i], self._jaccard.narrow[i] = partners[best], jaccard[best]

    def finalize(self) -> BySide[BestPartners]:
        """The best partners; NaN for latents that never fire."""
        return BySide.of(
            lambda side: BestPartners(
                self._index[side], np.where(self._n_firings[side] > 0, self._jaccard[side], np.nan)
            )
        )

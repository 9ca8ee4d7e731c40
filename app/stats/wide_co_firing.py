"""Co-firing of SAEs whose table of pairs does not fit into memory: exact, a block of narrow latents at a time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from app.sparse.csr import SparseActs
from app.stats.co_firing import BestPartners, CoFiringTable
from app.stats.paired import PairedBuffer
from app.stats.spill import Spill

TABLE_BYTES = 1 << 29
"""Counts of one block of narrow latents: 2,048 × 65,536 of them."""

ROWS_AT_ONCE = 128
"""Narrow latents in one sparse product: what comes out of it has up to 128 × 65,536 entries, 67 MB."""

KEPT_BY_COUNT = 1024
KEPT_BY_PHI = 64
"""Pairs of a narrow latent that are kept: those that fire together most often, and those most correlated."""


@dataclass(frozen=True)
class _Block:
    """Counts of narrow latents `[start, start + len(counts))` with every reference latent, `[rows, n_reference]`."""

    start: int
    counts: NDArray[np.int32]


class WideCoFiring:
    """Accumulates [N > 0]^T [R > 0] over all tokens, by way of the disk.

    Shards are put aside as they come, narrow latents sorted by latent. At the end a block of narrow
    latents at a time is counted over all tokens, in whole numbers, and of each the pairs that
    matter are kept; the best partner by Jaccard index is found among all pairs. Memory depends on
    the widths of the SAEs only, not on the tokens.

    Args:
        folder: where to put shards aside.
        own: whether the narrow latents are the reference's first ones, which are no partners then.
    """

    def __init__(
        self,
        n_narrow: int,
        n_reference: int,
        *,
        folder: Path | None = None,
        own: bool = False,
        bytes_: int = TABLE_BYTES,
    ) -> None:
        self.n_narrow, self.n_reference, self.own = n_narrow, n_reference, own
        self.n_tokens = 0
        self._n_rows = max(1, bytes_ // (4 * n_reference))
        self._n_i = np.zeros(n_narrow, dtype=np.int64)
        self._n_j = np.zeros(n_reference, dtype=np.int64)
        self._buffer = PairedBuffer(n_narrow, n_reference)
        self._spill = Spill(folder)

    def update(self, narrow: SparseActs, reference: SparseActs) -> None:
        """Add a shard of each SAE, of the same tokens."""
        self._buffer.add(narrow, reference)
        self.n_tokens += narrow.n_tokens
        if self._buffer.is_full:
            self._put_aside()

    def finalize(self) -> CoFiringTable:
        """The pairs that matter, and the best partners; what was put aside is given back."""
        self._put_aside()
        best = _Best(self.n_narrow, self.n_reference, self._n_i, self._n_j)
        kept = []
        for block in self._blocks():
            best.see(block, self.own)
            kept.append(self._kept(block))
        self._spill.close()
        return CoFiringTable(self.n_tokens, sp.vstack(kept, format="csr"), best.finalize())

    def _put_aside(self) -> None:
        held = self._buffer.take()
        if held is None:
            return
        narrow, reference = held
        self._n_i += np.bincount(narrow.latent, minlength=self.n_narrow)
        self._n_j += np.bincount(reference.latent, minlength=self.n_reference)
        by_latent = narrow.by_latent
        self._spill.put(
            (
                by_latent.starts.astype(np.int32),
                by_latent.token.astype(np.int32),
                reference.indptr.astype(np.int32),
                reference.latent,
            )
        )

    def _blocks(self) -> Iterator[_Block]:
        """The whole table, a block of rows at a time; each block is overwritten by the next one."""
        counts = np.zeros((min(self._n_rows, self.n_narrow), self.n_reference), dtype=np.int32)
        for start in range(0, self.n_narrow, self._n_rows):
            stop = min(start + self._n_rows, self.n_narrow)
            block = counts[: stop - start]
            block[...] = 0
            for number in range(len(self._spill)):
                self._count(number, start, block)
            yield _Block(start, block)

    def _count(self, number: int, start: int, block: NDArray[np.int32]) -> None:
        """Add one part of the tokens to a block."""
        starts, token, indptr, latent = self._spill.get(number)
        n_tokens = len(indptr) - 1
        ones = np.ones(max(len(token), len(latent)), dtype=np.int32)
        reference = sp.csr_array((ones[: len(latent)], latent, indptr), shape=(n_tokens, self.n_reference))
        for first in range(0, len(block), ROWS_AT_ONCE):
            last = min(first + ROWS_AT_ONCE, len(block))
            begin = starts[start + first : start + last + 1]
            tokens = token[begin[0] : begin[-1]]
            narrow = sp.csr_array((ones[: len(tokens)], tokens, begin - begin[0]), shape=(last - first, n_tokens))
            met = narrow @ reference
            row = np.repeat(np.arange(first, last), np.diff(met.indptr))
            # A product has each pair once, so nothing is lost by adding at places.
            block[row, met.indices] += met.data

    def _kept(self, block: _Block) -> sp.csr_array:
        rows, columns = [], []
        for row, counts in enumerate(block.counts):
            met = np.flatnonzero(counts)
            chosen = _largest(counts[met], KEPT_BY_COUNT)
            possible = np.flatnonzero(met >= self.n_narrow) if self.own else np.arange(len(met))
            correlation = _phi(
                counts[met[possible]], self._n_i[block.start + row], self._n_j[met[possible]], self.n_tokens
            )
            chosen = np.union1d(chosen, possible[_largest(correlation, KEPT_BY_PHI)])
            rows.append(np.full(len(chosen), row))
            columns.append(met[chosen])
        where = np.concatenate(rows), np.concatenate(columns)
        return sp.csr_array((block.counts[where].astype(np.int64), where), shape=block.counts.shape)


class _Best:
    """The partner with the largest Jaccard index, of each latent of both SAEs. Ties: lowest index first."""

    def __init__(self, n_narrow: int, n_reference: int, n_i: NDArray[np.int64], n_j: NDArray[np.int64]) -> None:
        self._n_i, self._n_j = n_i, n_j
        self.index = np.full(n_narrow, -1, dtype=np.int64), np.full(n_reference, -1, dtype=np.int64)
        self.jaccard = np.zeros(n_narrow), np.zeros(n_reference)

    def see(self, block: _Block, own: bool) -> None:
        """All pairs of some narrow latents."""
        for row, counts in enumerate(block.counts):
            i = block.start + row
            met = np.flatnonzero(counts)
            jaccard = counts[met] / (self._n_i[i] + self._n_j[met] - counts[met])
            better = (jaccard > self.jaccard[1][met]) & ((met != i) | (not own))
            self.jaccard[1][met[better]], self.index[1][met[better]] = jaccard[better], i
            if own:
                met, jaccard = met[met >= len(self._n_i)], jaccard[met >= len(self._n_i)]
            if len(met):
                best = int(np.argmax(jaccard))
                self.index[0][i], self.jaccard[0][i] = met[best], jaccard[best]

    def finalize(self) -> tuple[BestPartners, BestPartners]:
        """Of narrow latents, and of reference latents; NaN for those that never fire."""
        narrow, reference = (
            BestPartners(index, np.where(n > 0, jaccard, np.nan))
            for index, jaccard, n in zip(self.index, self.jaccard, (self._n_i, self._n_j), strict=True)
        )
        return narrow, reference


def _largest(values: NDArray[np.generic], k: int) -> NDArray[np.int64]:
    """Indices of the k largest values; of equal ones at the border the first."""
    if len(values) <= k:
        return np.arange(len(values))
    border = np.partition(values, -k)[-k]
    above = np.flatnonzero(values > border)
    return np.concatenate([above, np.flatnonzero(values == border)[: k - len(above)]])


def _phi(both: NDArray[np.int32], n_i: int, n_j: NDArray[np.int64], n_tokens: int) -> NDArray[np.float64]:
    """Correlation of the firings, but for a factor that all of a narrow latent's partners share; -inf if undefined."""
    spread = n_j * (1 - n_j / max(n_tokens, 1))
    with np.errstate(divide="ignore", invalid="ignore"):
        phi = (both - n_i * n_j / max(n_tokens, 1)) / np.sqrt(spread)
    return np.where(np.isfinite(phi), phi, -np.inf)

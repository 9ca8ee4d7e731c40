"""Co-firing of SAEs whose table of pairs does not fit into memory: exact, a block of narrow latents at a time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
import scipy.sparse as sp

from app.arrays import Float64s, Int32s, Int64s
from app.records import BySide
from app.sparse.csr import SparseActs
from app.stats.best_partners import RunningBest
from app.stats.co_firing import CoFiringTable
from app.stats.ranking import largest
from app.stats.shard_buffer import ShardBuffer
from app.stats.spill import Spill

TABLE_BYTES = 1 << 29
"""Counts of one block of narrow latents: 2,048 × 65,536 of them."""

ROWS_AT_ONCE = 128
"""Narrow latents that are counted at once."""

MAX_HELD = 1 << 18
"""Reference latents held for each narrow latent before they are counted: 134 MB for all."""

KEPT_BY_COUNT = 1024
KEPT_BY_PHI = 64
"""Pairs of a narrow latent that are kept: those that fire together most often, and those most correlated."""


@dataclass(frozen=True)
class _Block:
    """Counts of narrow latents `[start, start + len(counts))` with every reference latent, `[rows, n_reference]`."""

    start: int
    counts: Int32s


class WideCoFiring:
    """Accumulates [N > 0]^T [R > 0] over all tokens, by way of the disk.

    Each shard is written to a temporary file, the narrow SAE's firings sorted by latent. At the end, a
    block of narrow latents at a time is counted exactly over all tokens. Of each narrow latent, only
    the most frequent and the most correlated pairs are kept, but its best partner by Jaccard index is
    found among all pairs. Memory depends on the widths of the SAEs, not on the number of tokens.

    Args:
        folder: of the temporary file; the system's, if None.
        is_prefix: whether the narrow latents are the reference's first ones, which are not partners then.
    """

    def __init__(
        self,
        n_narrow: int,
        n_reference: int,
        *,
        folder: Path | None = None,
        is_prefix: bool = False,
        bytes_: int = TABLE_BYTES,
    ) -> None:
        self.n_narrow, self.n_reference, self.is_prefix = n_narrow, n_reference, is_prefix
        self.n_tokens = 0
        self._n_rows = max(1, bytes_ // (4 * n_reference))
        self._n_i = np.zeros(n_narrow, dtype=np.int64)
        self._n_j = np.zeros(n_reference, dtype=np.int64)
        self._buffer = ShardBuffer(n_narrow, n_reference)
        self._spill = Spill(folder)

    def update(self, narrow: SparseActs, reference: SparseActs) -> None:
        """Add a shard of each SAE, of the same tokens."""
        self._buffer.add(narrow, reference)
        self.n_tokens += narrow.n_tokens
        if self._buffer.is_full:
            self._put_aside()

    def finalize(self) -> CoFiringTable:
        """The kept pairs, and the best partners among all pairs. Deletes the temporary file."""
        self._put_aside()
        best = RunningBest(BySide(self._n_i, self._n_j), is_prefix=self.is_prefix)
        kept = []
        for block in self._blocks():
            kept.append(self._kept(block, best))
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
            for first in range(0, len(block), ROWS_AT_ONCE):
                self._count(start + first, block[first : first + ROWS_AT_ONCE])
            yield _Block(start, block)

    def _count(self, start: int, rows: Int32s) -> None:
        """Count what fires with the narrow latents from `start` on, over all tokens."""
        tallies = [_Tally(row) for row in rows]
        for number in range(len(self._spill)):
            starts, token, indptr, latent = self._spill.get(number)
            ones = np.ones(len(latent), dtype=np.int8)
            reference = sp.csr_array((ones, latent, indptr), shape=(len(indptr) - 1, self.n_reference))
            begin = starts[start : start + len(rows) + 1]
            # The reference's active latents on each one's tokens, one after the other.
            partners = reference[token[begin[0] : begin[-1]]]
            bounds = partners.indptr[begin - begin[0]].tolist()
            for tally, (first, last) in zip(tallies, pairwise(bounds), strict=True):
                tally.add(partners.indices[first:last])
        for tally in tallies:
            tally.settle()

    def _kept(self, block: _Block, best: RunningBest) -> sp.csr_array:
        """The pairs of a block that matter; `best` sees all of them."""
        columns, found = [], []
        for row, counts in enumerate(block.counts):
            met = np.flatnonzero(counts)
            both = counts[met]
            best.update(block.start + row, met, both)
            chosen = self._chosen(block.start + row, met, both)
            columns.append(met[chosen])
            found.append(both[chosen].astype(np.int64))
        indptr = np.cumsum([0, *map(len, columns)])
        return sp.csr_array((np.concatenate(found), np.concatenate(columns), indptr), shape=block.counts.shape)

    def _chosen(self, i: int, met: Int64s, both: Int32s) -> Int64s:
        """Which of the reference latents that fire with narrow latent i are kept, ascending."""
        first = int(np.searchsorted(met, self.n_narrow)) if self.is_prefix else 0
        phi = _phi(both[first:], self._n_i[i], self._n_j[met[first:]], self.n_tokens)
        chosen = np.zeros(len(met), dtype=np.bool_)
        chosen[largest(both, KEPT_BY_COUNT)] = True
        chosen[first + largest(phi, KEPT_BY_PHI)] = True
        return np.flatnonzero(chosen)


class _Tally:
    """Counts how often each reference latent comes, in a row of the table.

    Each update passes over the whole row, so latents are collected until there are many.
    """

    def __init__(self, row: Int32s) -> None:
        self._row = row
        self._held: list[Int32s] = []
        self._n_held = 0
        self._full = min(len(row), MAX_HELD)

    def add(self, latents: Int32s) -> None:
        """Count these latents, repeated ones each time."""
        self._held.append(latents.copy())  # not a view, which would keep those of other rows
        self._n_held += len(latents)
        if self._n_held >= self._full:
            self.settle()

    def settle(self) -> None:
        """Bring the row up to date."""
        if self._n_held:
            self._row += np.bincount(np.concatenate(self._held), minlength=len(self._row))
        self._held, self._n_held = [], 0


def _phi(both: Int32s, n_i: int, n_j: Int64s, n_tokens: int) -> Float64s:
    """Correlation of the firings, but for a factor that all of a narrow latent's partners share; -inf if undefined."""
    spread = n_j * (1 - n_j / max(n_tokens, 1))
    with np.errstate(divide="ignore", invalid="ignore"):
        phi = (both - n_i * n_j / max(n_tokens, 1)) / np.sqrt(spread)
    return np.where(np.isfinite(phi), phi, -np.inf)

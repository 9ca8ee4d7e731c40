"""What a regression of narrow activations on chosen reference activations needs, by block of rows."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from app.errors import ScoringError
from app.sparse.csr import SparseActs
from app.stats.paired import PairedBuffer, gram
from app.stats.ranking import ranks, run_starts


@dataclass(frozen=True)
class CandidateLists:
    """Candidate reference latents of narrow latents, padded to the longest list.

    Attributes:
        narrow: `[n_lists]` int64 narrow latents, ascending.
        reference: `[n_lists, longest]` int64 their candidates, in the order given; 0 where not `valid`.
        valid: `[n_lists, longest]` true where there is a candidate.
    """

    narrow: NDArray[np.int64]
    reference: NDArray[np.int64]
    valid: NDArray[np.bool_]


@dataclass(frozen=True)
class CandidateSums:
    """Sums over the tokens of each block; over all tokens: sum over the first axis.

    Activations are a_i (narrow) and r_j (reference), 0 where silent; places that are not
    `lists.valid` hold 0. A row of text belongs to the block (its index modulo the number of blocks),
    so leaving one block out leaves whole rows out.

    Attributes:
        lists: which latents; L lists, K places.
        n_tokens: `[blocks]` int64.
        narrow_firings: `[blocks, L]` int64 tokens on which a_i > 0.
        narrow_sum, narrow_sum_squares: `[blocks, L]` Σ a_i, Σ a_i².
        reference_firings: `[blocks, L, K]` int64 tokens on which r_j > 0.
        reference_sum: `[blocks, L, K]` Σ r_j.
        n_both: `[blocks, L, K]` int64 tokens on which both are active.
        sum_products: `[blocks, L, K]` Σ a_i r_j.
        gram: `[blocks, L, K, K]` Σ r_j r_k.
    """

    lists: CandidateLists
    n_tokens: NDArray[np.int64]
    narrow_firings: NDArray[np.int64]
    narrow_sum: NDArray[np.float64]
    narrow_sum_squares: NDArray[np.float64]
    reference_firings: NDArray[np.int64]
    reference_sum: NDArray[np.float64]
    n_both: NDArray[np.int64]
    sum_products: NDArray[np.float64]
    gram: NDArray[np.float64]


def candidate_lists(narrow_index: NDArray[np.int64], reference_index: NDArray[np.int64]) -> CandidateLists:
    """Lists from pairs.

    Args:
        narrow_index: `[n_pairs]` ascending, the same for all pairs of one list.
        reference_index: `[n_pairs]` candidates.

    Raises:
        ScoringError: the pairs are not sorted by narrow latent.
    """
    if (np.diff(narrow_index) < 0).any():
        raise ScoringError("found candidate pairs out of order, expected ascending narrow latents; sort the pairs")
    starts = run_starts(narrow_index)
    place = ranks(starts)
    row = np.cumsum(starts) - 1
    shape = (int(starts.sum()), int(place.max(initial=-1)) + 1)
    reference, valid = np.zeros(shape, dtype=np.int64), np.zeros(shape, dtype=np.bool_)
    reference[row, place] = reference_index
    valid[row, place] = True
    return CandidateLists(narrow_index[starts].astype(np.int64), reference, valid)


class CandidateMoments:
    """Accumulates `CandidateSums`: first and second moments for given candidate lists only.

    Args:
        lists: from `candidate_lists`.
        n_narrow, n_reference: widths of the SAEs.
        n_blocks: of rows, for a delete-a-group jackknife (Kott, Journal of Official Statistics 17, 2001).
    """

    def __init__(self, lists: CandidateLists, n_narrow: int, n_reference: int, n_blocks: int = 8) -> None:
        self.lists = lists
        self.n_blocks = n_blocks
        self._used, self._place = np.unique(lists.reference, return_inverse=True)
        self._buffer = PairedBuffer(n_narrow, n_reference)
        self._sums = _no_sums(lists, n_blocks)

    def update(self, narrow: SparseActs, reference: SparseActs) -> None:
        """Add a shard of each SAE, of the same tokens."""
        self._buffer.add(narrow, reference)
        if self._buffer.is_full:
            self._multiply()

    def merge(self, other: CandidateMoments) -> None:
        """Add what another accumulator of the same lists saw."""
        theirs = other.finalize()
        for name in (field.name for field in fields(CandidateSums) if field.name != "lists"):
            getattr(self._sums, name)[...] += getattr(theirs, name)

    def finalize(self) -> CandidateSums:
        """The sums so far; not a copy, since they can be large."""
        self._multiply()
        return self._sums

    def _multiply(self) -> None:
        held = self._buffer.take()
        if held is None:
            return
        narrow, reference = held
        block = narrow.row % self.n_blocks
        self._sums.n_tokens[...] += np.bincount(block, minlength=self.n_blocks)
        if not len(self.lists.narrow):
            return
        matrices = (
            narrow.csr(np.float64)[:, self.lists.narrow],
            narrow.firings(np.int64)[:, self.lists.narrow],
            reference.csr(np.float64)[:, self._used],
            reference.firings(np.int64)[:, self._used],
        )
        for b in range(self.n_blocks):
            tokens = np.flatnonzero(block == b)
            self._add_block(b, *(matrix[tokens] for matrix in matrices))

    def _add_block(
        self, b: int, narrow: sp.csr_array, narrow_fires: sp.csr_array, reference: sp.csr_array, fires: sp.csr_array
    ) -> None:
        """Add the tokens of one block: `[tokens, L]` and `[tokens, n used]` activations and firings."""
        sums, place, valid = self._sums, self._place, self.lists.valid
        own = np.arange(len(place))[:, None]
        sums.narrow_firings[b] += narrow_fires.sum(axis=0)
        sums.narrow_sum[b] += narrow.sum(axis=0)
        sums.narrow_sum_squares[b] += narrow.power(2).sum(axis=0)
        sums.reference_firings[b] += fires.sum(axis=0)[place] * valid
        sums.reference_sum[b] += reference.sum(axis=0)[place] * valid
        sums.n_both[b] += _look_up(gram(narrow_fires, fires), own, place) * valid
        sums.sum_products[b] += _look_up(gram(narrow, reference), own, place) * valid
        both_valid = valid[:, :, None] & valid[:, None, :]
        sums.gram[b] += _look_up(gram(reference, reference), place[:, :, None], place[:, None, :]) * both_valid


def _look_up(matrix: sp.csr_array, row: NDArray[np.int64], column: NDArray[np.int64]) -> NDArray[np.float64]:
    """Entries of a sparse matrix, 0 where it has none, in the broadcast shape of the indices."""
    row, column = np.broadcast_arrays(row, column)
    entries = np.asarray(matrix[row.ravel(), column.ravel()])
    return entries.reshape(row.shape)


def _no_sums(lists: CandidateLists, n_blocks: int) -> CandidateSums:
    n_lists, longest = lists.reference.shape
    narrow, pair = (n_blocks, n_lists), (n_blocks, n_lists, longest)
    return CandidateSums(
        lists=lists,
        n_tokens=np.zeros(n_blocks, dtype=np.int64),
        narrow_firings=np.zeros(narrow, dtype=np.int64),
        narrow_sum=np.zeros(narrow),
        narrow_sum_squares=np.zeros(narrow),
        reference_firings=np.zeros(pair, dtype=np.int64),
        reference_sum=np.zeros(pair),
        n_both=np.zeros(pair, dtype=np.int64),
        sum_products=np.zeros(pair),
        gram=np.zeros((*pair, longest)),
    )

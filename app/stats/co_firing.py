"""On how many tokens two latents fire together, for every pair of two SAEs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from app.sparse.csr import SparseActs
from app.stats.paired import PairedBuffer, gram


@dataclass(frozen=True)
class BestPartners:
    """For each latent the latent of the other SAE with the largest Jaccard index of their firings.

    Attributes:
        index: `[n]` int64, lowest index of equals; -1 where it fires together with none.
        jaccard: `[n]` float64, 0 where it fires together with none, NaN where it never fires.
    """

    index: NDArray[np.int64]
    jaccard: NDArray[np.float64]


@dataclass(frozen=True)
class CoFiringTable:
    """Pairs that fire together at least once, sorted; both matrices hold the same pairs.

    Attributes:
        n_tokens: scored tokens.
        n_both: `[n_narrow, n_reference]` sparse int64, tokens on which both are active.
        sum_products: `[n_narrow, n_reference]` sparse float64, Σ a_i r_j; None where `best` is given.
        best: where only the pairs that matter were kept (`wide_co_firing`): the best partners of
            narrow and of reference latents among all pairs. None where the matrices hold every pair.
    """

    n_tokens: int
    n_both: sp.csr_array
    sum_products: sp.csr_array | None
    best: tuple[BestPartners, BestPartners] | None = None


class CoFiring:
    """Accumulates [N > 0]^T [R > 0] and N^T R over all tokens, as sparse matrices of whole numbers
    (float32 would count to 2^24 only) and of float64.

    One SAE with itself is the same class given its shards twice.
    """

    def __init__(self, n_narrow: int, n_reference: int) -> None:
        self.n_tokens = 0
        self._buffer = PairedBuffer(n_narrow, n_reference)
        self._n_both = sp.csr_array((n_narrow, n_reference), dtype=np.int64)
        self._sum_products = sp.csr_array((n_narrow, n_reference), dtype=np.float64)

    def update(self, narrow: SparseActs, reference: SparseActs) -> None:
        """Add a shard of each SAE, of the same tokens."""
        self._buffer.add(narrow, reference)
        self.n_tokens += narrow.n_tokens
        if self._buffer.is_full:
            self._multiply()

    def merge(self, other: CoFiring) -> None:
        """Add what another accumulator saw."""
        other._multiply()
        self.n_tokens += other.n_tokens
        self._n_both = self._n_both + other._n_both
        self._sum_products = self._sum_products + other._sum_products

    def finalize(self) -> CoFiringTable:
        """The sums so far."""
        self._multiply()
        return CoFiringTable(self.n_tokens, self._n_both, self._sum_products)

    def _multiply(self) -> None:
        held = self._buffer.take()
        if held is None:
            return
        narrow, reference = held
        # A buffer holds far fewer tokens than int32 counts.
        n_both = gram(narrow.firings(np.int32), reference.firings(np.int32)).astype(np.int64)
        self._n_both = self._n_both + n_both
        self._sum_products = self._sum_products + gram(narrow.csr(np.float64), reference.csr(np.float64))

"""On how many tokens two latents fire together, for every pair of two SAEs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp

from app.arrays import Int64s
from app.records import BySide
from app.sparse.csr import SparseActs
from app.stats.best_partners import BestPartners, best_partners
from app.stats.checks import expect_same_tokens, expect_width

DENSE_ENTRIES = 1 << 23
"""Of the narrow SAE's firings written out at once: 17 MB."""

MAX_COUNT = (1 << 16) - 1
"""Up to here uint16 counts, of which a processor adds up twice as many at once as of float32."""


@dataclass(frozen=True)
class CoFiringTable:
    """Pairs that fire together at least once, sorted.

    Attributes:
        n_tokens: scored tokens.
        n_both: `[n_narrow, n_reference]` sparse int64, tokens on which both are active.
        best: where only the pairs that matter were kept (`wide_co_firing`): the best partners among all
            pairs. None where the matrix holds every pair.
    """

    n_tokens: int
    n_both: sp.csr_array
    best: BySide[BestPartners] | None = None

    def best_partners(self, n_firings: BySide[Int64s], *, is_prefix: bool) -> BySide[BestPartners]:
        """The best partners among all pairs; arguments as of the function of this name."""
        return best_partners(self.n_both, n_firings, is_prefix=is_prefix) if self.best is None else self.best


class CoFiring:
    """Accumulates [N > 0]^T [R > 0] over all tokens.

    The narrow SAE's firings are written out as a dense matrix, a block of tokens at a time: most pairs
    meet somewhere, and a product of a sparse and a dense matrix into a dense table needs no search
    for its places. One SAE with itself is the same class given its shards twice.
    """

    def __init__(self, n_narrow: int, n_reference: int) -> None:
        self.n_narrow, self.n_reference = n_narrow, n_reference
        self.n_tokens = 0
        self._n_both = np.zeros((n_reference, n_narrow), dtype=np.int64)

    def update(self, narrow: SparseActs, reference: SparseActs) -> None:
        """Add a shard of each SAE, of the same tokens."""
        expect_width(narrow, self.n_narrow)
        expect_width(reference, self.n_reference)
        expect_same_tokens(narrow, reference)
        self.n_tokens += narrow.n_tokens
        left, right = narrow.firings(np.uint16), reference.firings(np.uint16)
        step = min(max(1, DENSE_ENTRIES // self.n_narrow), MAX_COUNT)
        for start in range(0, narrow.n_tokens, step):
            block = slice(start, start + step)
            self._n_both += right[block].T @ left[block].toarray()

    def merge(self, other: CoFiring) -> None:
        """Add what another accumulator saw."""
        self.n_tokens += other.n_tokens
        self._n_both += other._n_both

    def finalize(self) -> CoFiringTable:
        """The counts so far."""
        return CoFiringTable(self.n_tokens, sp.csr_array(self._n_both.T))

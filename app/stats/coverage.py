"""On how many of a latent's tokens at least one of some other latents of its SAE fires."""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp

from app.arrays import Int64s
from app.sparse.csr import SparseActs
from app.stats.checks import expect_width


class Coverage:
    """Counts, for each parent, the tokens on which it and at least one of its children fire.

    Args:
        child, parent: `[n]` latents of each link; the same link at most once.
        n_latents: width of the SAE.
    """

    def __init__(self, child: Int64s, parent: Int64s, n_latents: int) -> None:
        self.n_latents = n_latents
        ones = np.ones(len(child), dtype=np.int32)
        self._links = sp.csr_array((ones, (child, parent)), shape=(n_latents, n_latents))
        self._n_covered = np.zeros(n_latents, dtype=np.int64)

    def update(self, acts: SparseActs) -> None:
        """Add a shard."""
        expect_width(acts, self.n_latents)
        firings = acts.firings(np.int32)
        covered = (firings @ self._links).multiply(firings).tocsr()
        self._n_covered += np.bincount(covered.indices[covered.data > 0], minlength=self.n_latents)

    def finalize(self) -> Int64s:
        """`[n_latents]` tokens so far; 0 for latents without children."""
        return self._n_covered.copy()

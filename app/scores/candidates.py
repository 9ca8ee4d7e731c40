"""Which reference latents may take part in a narrow latent's decomposition."""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp

from app.arrays import Float32s, Int64s
from app.scores.overlap import overlap
from app.stats.ranking import largest

N_BY_COSINE = 16
"""Reference latents nearest by decoder cosine, whether they co-fire or not."""

N_BY_OVERLAP = 16
"""Reference latents with the highest correlation of firing, whatever their cosine."""


def candidates_of(cosines: Float32s, n_both: sp.csr_array, row: int, *, n_i: int, n_j: Int64s, n_tokens: int) -> Int64s:
    """Candidate reference latents of one narrow latent, ascending.

    Restricting the search to rows that are close in direction or in firing keeps chance matches out
    of the decomposition, and its cost independent of the reference's width.

    Args:
        cosines: `[m]` to every reference row; NaN for latents that can't be a match.
        n_both: `[n, m]` co-firing counts.
        row: this latent's row in `n_both`.
        n_i: firings of this latent; n_j: `[m]` of the reference latents; n_tokens: scored tokens.
    """
    alive = np.flatnonzero(np.isfinite(cosines))
    by_cosine = alive[largest(np.abs(cosines[alive]), N_BY_COSINE)]
    start, stop = n_both.indptr[row], n_both.indptr[row + 1]
    possible = np.isfinite(cosines[n_both.indices[start:stop]])
    others = n_both.indices[start:stop][possible].astype(np.int64)
    counts = n_both.data[start:stop][possible].astype(np.int64)
    phi = overlap(counts, np.full(len(others), n_i), n_j[others], n_tokens).phi
    by_overlap = others[largest(np.where(np.isfinite(phi), phi, -np.inf), N_BY_OVERLAP)]
    return np.union1d(by_cosine, by_overlap)

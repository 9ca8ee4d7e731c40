"""The joint regression of every reference activation on all narrow activations.

    W  =  (A'A + ridge)^-1 A'Z          A [T, n], Z [T, m] activations, centred over tokens

A least-squares decoder has d_i = sum over j of W_ij e_j, so W says what training mixes into a row (Chanin, Dulka &
Garriga-Alonso, arXiv 2505.11756). Each part of the tokens has a W of its own (`app.scores.sample_groups`). W is never
held for all pairs: with what is left of a_i once all other narrow latents have their part,

    ã  =  A (A'A + ridge)^-1            W_ij  =  sum over tokens of ã_i z_j

so one inverse of `[n, n]` float32, 1.1 GB at n = 16,384, gives any entry.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.linalg as la
import scipy.sparse as sp
from numpy.typing import NDArray

from app.arrays import Float32s, Float64s, Int64s
from app.scores.sample_groups import PARTS
from app.stats.input_sample import Sample

RIDGE = 1e-3
"""Of each regressor's variance: keeps regressions solvable where two latents are the same."""

N_STRETCHES = 512
"""Runs of neighbouring tokens that count as one observation for a standard error: 128 tokens of 65,536."""

EXACT_UP_TO = 8192
"""Narrow latents up to which the inverse is taken in float64."""

ROWS_AT_ONCE = 1024


class Composition:
    """`W` from one part of the tokens.

    Args:
        part: place in `PARTS`.
    """

    def __init__(self, sample: Sample, part: int) -> None:
        first, last = PARTS[part][0], PARTS[part][-1]
        self.tokens = slice(int(sample.bounds[first]), int(sample.bounds[last + 1]))
        self._narrow = sample.narrow_rows[self.tokens]
        self._by_latent = sample.reference[self.tokens].T.tocsr()
        self._inverse = inverse_gram(self._narrow)

    def left_over(self, latents: slice | Int64s) -> Float32s:
        """`[T_part, k]` ã of some narrow latents, of mean 0."""
        found: Float32s = self._narrow @ np.ascontiguousarray(self._inverse[:, latents])
        found -= found.mean(axis=0)
        return found

    def weights(self, left_over: Float32s) -> Float32s:
        """`[k, m]` W of these latents with every reference latent."""
        found: Float32s = (self._by_latent @ left_over).T
        return found

    def weights_with(self, latents: Int64s, left_over: Float32s) -> Float32s:
        """`[p]` W of one narrow latent with some reference latents, from its `[T_part]` ã."""
        found: Float32s = self._by_latent[latents] @ left_over
        return found


def inverse_gram(rows: sp.csr_array) -> Float32s:
    """`[n, n]` inverse of the centred A'A with a ridge."""
    n_tokens, n = rows.shape
    dtype = np.float64 if n <= EXACT_UP_TO else np.float32
    gram: NDArray[Any] = np.asarray((rows.T.tocsr() @ rows).todense(), dtype=dtype)
    sums = np.asarray(rows.sum(axis=0), dtype=np.float64).ravel()
    for start in range(0, n, ROWS_AT_ONCE):
        block = slice(start, start + ROWS_AT_ONCE)
        gram[block] -= np.outer(sums[block], sums / n_tokens)
    diagonal = np.diagonal(gram).copy()
    # A latent that never fires gets a pivot all the same, and weights of 0.
    gram[np.diag_indices(n)] += RIDGE * diagonal + 1e-6 * max(float(diagonal.max(initial=0.0)), 1e-12)
    factor = la.cholesky(gram, lower=True, overwrite_a=True, check_finite=False)
    inverse, _ = la.lapack.get_lapack_funcs(("potri",), (factor,))[0](factor, lower=True, overwrite_c=True)
    return _mirrored(inverse)


def _mirrored(lower: NDArray[Any]) -> Float32s:
    """`[n, n]` the symmetric matrix of a lower triangle, without a second one of full precision."""
    full = np.empty(lower.shape, dtype=np.float32)
    for start in range(0, len(lower), ROWS_AT_ONCE):
        block = slice(start, min(start + ROWS_AT_ONCE, len(lower)))
        full[block, : block.stop] = lower[block, : block.stop]
        full[: block.start, block] = lower[block, : block.start].T
        corner = full[block, block]
        upper = np.triu_indices(len(corner), 1)
        corner[upper] = corner.T[upper]
    return full


def entries(acts: sp.csc_array, latents: Int64s) -> tuple[Int64s, Int64s, Float32s]:
    """(place in `latents`, token, activation) of every firing of some latents, one latent after the other."""
    chosen = acts[:, latents]
    owner = np.repeat(np.arange(len(latents)), np.diff(chosen.indptr))
    return owner, chosen.indices, chosen.data


def standard_errors(acts: sp.csc_array, latents: Int64s, left_over: Float32s) -> Float64s:
    """`[p]` standard error of the mean of W over both halves, of one narrow latent with some reference latents.

    Runs of tokens are the observations (cluster-robust): Liang & Zeger, Biometrika 73 (1986) 13.

    Args:
        left_over: `[T]` ã of the narrow latent, one half after the other.
    """
    owner, token, values = entries(acts, latents)
    place = owner * N_STRETCHES + token * N_STRETCHES // len(left_over)
    sums = np.bincount(place, weights=left_over[token] * values, minlength=len(latents) * N_STRETCHES)
    stretches = sums.reshape(len(latents), N_STRETCHES)
    squares = np.square(stretches).sum(axis=1) - stretches.sum(axis=1) ** 2 / N_STRETCHES
    errors: Float64s = np.sqrt(np.maximum(squares, 1e-30)) / 2
    return errors

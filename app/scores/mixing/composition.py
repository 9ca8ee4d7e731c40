"""The joint regression of every reference activation on all narrow activations.

    W  =  (A'A + ridge)^-1 A'Z          A [T, n], Z [T, m] activations, centred over tokens

A least-squares decoder has d_i = sum over j of W_ij e_j, so W says what training mixes into a row (Chanin, Dulka &
Garriga-Alonso, arXiv 2505.11756). Each part of the tokens has a W of its own (`app.scores.sample_groups`). W is never
held for all pairs: with what is left of a_i once all other narrow latents have their part,

    ã  =  A (A'A + ridge)^-1            W_ij  =  sum over tokens of ã_i z_j

so one inverse of `[n, n]` float32, 1.1 GB at n = 16,384, gives any entry. Where a table of A'Z is small
(`products.py`), W comes from that.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import scipy.linalg as la
import scipy.sparse as sp
from numpy.typing import DTypeLike, NDArray

from app.arrays import Float32s, Float64s, Int64s
from app.scores.mixing.products import SampleProducts
from app.scores.sample_groups import PARTS
from app.stats.index_ranges import expand_ranges
from app.stats.input_sample import Sample
from app.stats.ranking import run_starts

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
        products: of the sample, if there are tables of them.
    """

    def __init__(self, sample: Sample, part: int, products: SampleProducts | None = None) -> None:
        first, last = PARTS[part][0], PARTS[part][-1]
        self.tokens = slice(int(sample.bounds[first]), int(sample.bounds[last + 1]))
        self._narrow = sample.narrow_rows[self.tokens]
        self._inverse = inverse_gram(self._narrow, np.float32 if products is None else np.float64)
        self._table = None if products is None else products.centred(part)
        self._by_latent = sample.reference[self.tokens].T.tocsr() if products is None else None

    def left_over(self, latents: slice | Int64s) -> Float32s:
        """`[T_part, k]` ã of some narrow latents, of mean 0."""
        found: Float32s = self._narrow @ np.ascontiguousarray(self._inverse[:, latents], dtype=np.float32)
        found -= found.mean(axis=0)
        return found

    def weights(self, latents: slice | Int64s, left_over: Float32s | None = None) -> Float32s:
        """`[k, m]` W of some narrow latents with every reference latent.

        Args:
            left_over: ã of these, where it is known already.
        """
        if self._table is not None:
            return np.asarray(self._inverse[latents] @ self._table, dtype=np.float32)
        assert self._by_latent is not None
        found: Float32s = (self._by_latent @ (self.left_over(latents) if left_over is None else left_over)).T
        return found

    def weights_with(self, latents: slice, others: Sequence[Int64s]) -> list[Float32s]:
        """Of each of some narrow latents `[p]` W with some reference latents of its own."""
        if self._by_latent is None:
            return [row[some] for row, some in zip(self.weights(latents), others, strict=True)]
        left_over = self.left_over(latents)
        return [self._by_latent[some] @ left_over[:, k] for k, some in enumerate(others)]


def inverse_gram(rows: sp.csr_array, kept: DTypeLike = np.float32) -> NDArray[Any]:
    """`[n, n]` inverse of the centred A'A with a ridge.

    Args:
        kept: precision in which it is returned.
    """
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
    return _mirrored(inverse, kept)


def _mirrored(lower: NDArray[Any], kept: DTypeLike) -> NDArray[Any]:
    """`[n, n]` the symmetric matrix of a lower triangle, without a second one of full precision."""
    full = np.empty(lower.shape, dtype=kept)
    for start in range(0, len(lower), ROWS_AT_ONCE):
        block = slice(start, min(start + ROWS_AT_ONCE, len(lower)))
        full[block, : block.stop] = lower[block, : block.stop]
        full[: block.start, block] = lower[block, : block.start].T
        corner = full[block, block]
        upper = np.triu_indices(len(corner), 1)
        corner[upper] = corner.T[upper]
    return full


class StretchErrors:
    """Standard errors of the mean of W over both halves (cluster-robust: runs of tokens are the observations).

    Source: Liang & Zeger, Biometrika 73 (1986) 13.

    Args:
        acts: `[T, m]` of the reference.
    """

    def __init__(self, acts: sp.csc_array) -> None:
        self._acts = acts
        column = np.repeat(np.arange(acts.shape[1]), np.diff(acts.indptr))
        stretch = acts.indices * N_STRETCHES // max(acts.shape[0], 1)
        # Firings of one latent in one stretch follow one another: a run.
        self._run_at = np.flatnonzero(run_starts(column, stretch)) if len(column) else np.zeros(0, dtype=np.int64)
        self._first_run = np.searchsorted(self._run_at, acts.indptr)

    def of(self, latents: Int64s, left_over: Float32s) -> Float64s:
        """`[p]` of one narrow latent with some reference latents.

        Args:
            left_over: `[T]` ã of the narrow latent, one half after the other.
        """
        if not len(latents):
            return np.empty(0)
        begin, end = self._acts.indptr[latents], self._acts.indptr[latents + 1]
        firings = list(map(slice, begin.tolist(), end.tolist()))
        token, value = (
            np.concatenate([each[some] for some in firings]) for each in (self._acts.indices, self._acts.data)
        )
        products = left_over[token] * value
        owner, run = expand_ranges(self._first_run[latents], self._first_run[latents + 1])
        places = self._run_at[run] + (np.cumsum(end - begin) - end)[owner]
        sums = np.add.reduceat(products, places, dtype=np.float64) if len(places) else np.empty(0)
        total = np.bincount(owner, weights=sums, minlength=len(latents))
        squares = np.bincount(owner, weights=sums**2, minlength=len(latents)) - total**2 / N_STRETCHES
        errors: Float64s = np.sqrt(np.maximum(squares, 1e-30)) / 2
        return errors

"""The direction the input has on a typical token on which a latent fires.

Take the tokens on which narrow latent i fires, and subtract from the input what the SAE's other
latents account for:

    y  =  x - sum over k other than i of  a_k d_k  -  mean residual   =   a_i d_i + residual

Where d_i is one feature, y is that feature on most of these tokens, and the residual is small or
differs from token to token. A hedging latent's d_i mixes a feature f with parts of others. The others
are absent on most tokens, and there y is f alone: it differs from d_i by the same amount each time.
So the *mode* of y / a_i shows the mixture. Its mean would not, since training chooses the parts mixed
in so that the mean is right. No reference is needed, so features that the reference lacks show too.

The mode is searched in the few directions, orthogonal to d_i, in which the residual varies more when
i fires than otherwise: those of features that fire with it. It is found by the mean shift of
Fukunaga & Hostetler (IEEE Trans. Inf. Theory 21, 1975) from the densest token.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.sparse.linalg import ArpackError, LinearOperator, eigsh
from scipy.spatial.distance import cdist

from app.arrays import Float32s, Float64s, Int64s
from app.scores.sample_groups import HALF_PAIRS, PARTS, MapFunction
from app.stats.input_sample import N_GROUPS, Sample

N_DIRECTIONS = 2
"""Directions in which the mode is searched. The score ranks worse with 1 or 3 on the tuning worlds (decision 0013)."""

MAX_TOKENS = 1200
"""Maximum number of firing tokens used, spread evenly over the text. More of them do not move the mode."""

MAX_STARTS = 300
"""The search starts at the densest of this many tokens."""

BANDWIDTH = 0.15
"""Width of the kernel, as a share of the median distance from the median: it separates a mode from its neighbours."""

ROUNDING = 1e-5
"""An eigenvalue below this share of the matrix's norm may be 0 up to the rounding of float32."""

N_STEPS = 30
MIN_TOKENS = 30
"""Fewer firing tokens in the sample give no mode."""


@dataclass(frozen=True)
class Spread:
    """Tokens of one latent in the directions where its residual varies most.

    Attributes:
        places: `[n, N_DIRECTIONS]` residual / activation.
        group: `[n]` group of each token.
    """

    places: Float64s
    group: Int64s


class Residuals:
    """The narrow SAE's residual on a sample: input minus reconstruction minus their mean difference.

    Args:
        decoder: `[n_narrow, d_in]` unit decoder rows.
        map_function: applied to the groups of tokens, such as the `map` of a pool.
    """

    def __init__(self, sample: Sample, decoder: Float32s, map_function: MapFunction = map) -> None:
        acts = sample.narrow_rows
        self._residual = np.empty_like(sample.inputs)

        def subtract(g: int) -> None:
            tokens = sample.group(g)
            self._residual[tokens] = sample.inputs[tokens] - (acts[tokens] @ decoder).astype(np.float32)

        list(map_function(subtract, range(N_GROUPS)))
        self._residual -= self._residual.mean(axis=0, dtype=np.float64).astype(np.float32)
        self._moment = self._residual.T @ self._residual / np.float32(max(len(self._residual), 1))
        self._sample, self._decoder = sample, decoder
        self._group = sample.group_of()

    def spread(self, i: int) -> Spread:
        """Latent i's tokens; it must fire on at least one."""
        acts = self._sample.narrow
        tokens = acts.indices[acts.indptr[i] : acts.indptr[i + 1]]
        chosen = np.unique(np.linspace(0, len(tokens) - 1, min(MAX_TOKENS, len(tokens))).astype(np.int64))
        values = acts.data[acts.indptr[i] : acts.indptr[i + 1]][chosen]
        row = self._decoder[i].astype(np.float32)
        residual = self._residual[tokens[chosen]]
        residual -= np.outer(residual @ row, row)
        places = residual @ self._directions(residual, row) / values[:, None]
        return Spread(places.astype(np.float64), self._group[tokens[chosen]])

    def _directions(self, residual: Float32s, row: Float32s) -> Float32s:
        """`[d_in, N_DIRECTIONS]` at right angles to the row, in which the second moment exceeds that over all tokens
        most."""
        n, d_in = residual.shape
        start = residual[np.argmax(np.einsum("ij,ij->i", residual, residual))]
        k = min(N_DIRECTIONS, d_in - 1)
        if k < 1 or not start.any():
            # One dimension, or a latent that is reconstructed exactly: nothing is left to look at.
            return np.zeros((d_in, 1), dtype=np.float32)
        excess = residual.T @ residual
        excess /= np.float32(n)
        excess -= self._moment
        projected = _Projected(excess, row)
        try:
            values, vectors = eigsh(projected.operator, k=k, which="LA", v0=start, tol=1e-3, maxiter=20 * d_in)
            among_others = values.min() > ROUNDING * np.linalg.norm(excess)
        except ArpackError:
            # It has not converged, or the start lies in what is projected out: the same without iterations.
            among_others = False
        if not among_others:
            # The row's own value is 0: it must not come before directions in which the residual varies less.
            dense = projected.dense() - 2 * np.linalg.norm(excess) * np.outer(row, row)
            vectors = np.linalg.eigh(dense)[1][:, -k:]
        found: Float32s = vectors
        return found


class _Projected:
    """A symmetric matrix with a direction projected out on both sides.

    As an operator it is never made: at `d_in` 2,304 writing it takes as long as finding two eigenvectors.
    """

    def __init__(self, matrix: Float32s, row: Float32s) -> None:
        self._matrix, self._row = matrix, row
        self._along = matrix @ row
        self._twice = row @ self._along

    @property
    def operator(self) -> LinearOperator:
        """For products with vectors."""
        return LinearOperator(self._matrix.shape, matvec=self._times, dtype=self._matrix.dtype)

    def _times(self, vector: Float32s) -> Float32s:
        vector = vector.ravel()
        share = self._row @ vector
        product: Float32s = self._matrix @ vector
        product -= share * self._along + (self._along @ vector - self._twice * share) * self._row
        return product

    def dense(self) -> Float32s:
        """The matrix itself."""
        outer = np.outer(self._along, self._row)
        own = self._twice * np.outer(self._row, self._row)
        return np.asarray(self._matrix - outer - outer.T + own, dtype=np.float32)


def typical_impurity(spread: Spread) -> Float64s:
    """`[1 + N_GROUPS]`: `1 - cos²` of the decoder row and the typical direction, in [0, 1], from all
    groups of tokens, then with each group left out. NaN where a half has too few tokens.

    The squared distance of the mode is estimated by the product of the modes of two halves. Their
    noise is independent, so it does not add to the product on average.
    """
    modes = [_mode_of(spread, part) for part in PARTS]
    squared = np.array([_product(modes[a], modes[b]) for a, b in HALF_PAIRS])
    impurity: Float64s = squared / (1 + squared)
    return impurity


def _product(one: Float64s | None, other: Float64s | None) -> float:
    return float("nan") if one is None or other is None else max(float(one @ other), 0.0)


def _mode_of(spread: Spread, groups: tuple[int, ...]) -> Float64s | None:
    places = spread.places[np.isin(spread.group, groups)]
    return mode(places) if len(places) >= MIN_TOKENS // 4 else None


def mode(places: Float64s) -> Float64s:
    """`[r]` mode of `[n, r]` points: mean shift with a Gaussian kernel, from the densest point."""
    distances = np.linalg.norm(places - np.median(places, axis=0), axis=1)
    width = BANDWIDTH * max(float(np.median(distances)), 1e-6)
    starts = places[:: max(1, len(places) // MAX_STARTS)]
    distances = cdist(starts, starts, "sqeuclidean")
    centre = starts[np.argmax(np.exp(-distances / (2 * width**2)).sum(axis=1))]
    for _ in range(N_STEPS):
        away = places - centre
        weight = np.exp(-np.einsum("ij,ij->i", away, away) / (2 * width**2))
        moved = weight @ places / weight.sum()
        if np.abs(moved - centre).max() < 1e-4 * width:
            break
        centre = moved
    found: Float64s = centre
    return found

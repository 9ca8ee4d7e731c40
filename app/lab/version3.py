"""The hedging score of scoring version 3, kept as a baseline of `hedgescope validate` (decision 14 says why it went).

The larger of two estimates of `1 - cos²` between the decoder row and the direction of the latent's own feature:

    refit    regress the input on the latent and on the latents that fire with it, most significant first; the
             latent's coefficient is the direction (the dictionary update of Engan, Aase & Husøy, ICASSP 1999)
    typical  mode of residual / activation over the latent's tokens, in the two directions in which the residual
             varies more there than elsewhere

Both are taken from two halves of the rows, whose noise is independent.
"""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from scipy.sparse.linalg import ArpackError, LinearOperator, eigsh
from scipy.spatial.distance import cdist
from threadpoolctl import threadpool_limits

from app.arrays import Flags, Float32s, Float64s, Int64s
from app.records import BySide
from app.scores.overlap import significant_z, standard_score
from app.scores.sample_groups import HALVES
from app.stats.input_sample import Sample

MAX_NEIGHBOURS = BySide(narrow=16, reference=32)
MAX_NARROW_COSINE = 0.2
RIDGE = 1e-3
MIN_AGREEMENT, MIN_KEPT, KEPT_WEIGHT = 0.5, 0.95, 0.5
N_DIRECTIONS, MAX_TOKENS, MAX_STARTS, BANDWIDTH, N_STEPS, MIN_TOKENS = 2, 1200, 300, 0.15, 30, 30
LATENTS_AT_ONCE = 128


def version_3(sample: Sample, decoder: Float32s, counted: Flags) -> Float64s:
    """`[n_narrow]` score; NaN where a latent fires too seldom or the halves of the text disagree.

    Args:
        decoder: `[n_narrow, d_in]` unit decoder rows.
        counted: `[n_reference]` reference latents that can be a match.
    """
    score = np.full(len(decoder), np.nan)
    if not np.diff(sample.bounds).all():
        return score
    neighbours = _Neighbours(sample, decoder, counted)
    found = [each for start in range(0, len(decoder), LATENTS_AT_ONCE) for each in neighbours.block(start)]
    refit, typical = _Refit(sample, decoder), _Typical(sample, decoder)

    def estimate(i: int) -> None:
        impurity, kept = refit(i, *found[i])
        score[i] = np.maximum(typical(i), (1.0 if kept < MIN_KEPT else KEPT_WEIGHT) * impurity)

    known = np.flatnonzero(np.diff(sample.narrow.indptr) >= MIN_TOKENS)
    with ThreadPoolExecutor(os.cpu_count()) as pool, threadpool_limits(1, user_api="blas"):
        list(pool.map(estimate, known.tolist()))
    return score


class _Neighbours:
    """The latents of either SAE together with which a latent is refitted."""

    def __init__(self, sample: Sample, decoder: Float32s, counted: Flags) -> None:
        self._sample, self._decoder, self._counted = sample, decoder, counted
        acts = BySide(sample.narrow, sample.reference)
        self._acts = BySide(sample.narrow_rows.T, sample.reference_rows.T)
        self._fires = self._acts.map(lambda each: (each > 0).astype(np.float32))
        self._n_firings = acts.map(lambda each: np.diff(each.indptr).astype(np.int64))
        self._mean = acts.map(lambda each: np.asarray(each.mean(axis=0)))
        variance = BySide.of(lambda side: np.asarray(acts[side].power(2).mean(axis=0)) - self._mean[side] ** 2)
        self._sd = variance.map(lambda each: np.sqrt(np.maximum(each, 1e-30)))
        self._bar = significant_z(len(decoder) * max(int(counted.sum()), 1))

    def block(self, start: int) -> list[tuple[Int64s, Int64s]]:
        """(narrow, reference) neighbours of some latents."""
        block = slice(start, start + LATENTS_AT_ONCE)
        acts = self._sample.narrow[:, block].toarray(order="C")
        z = BySide.of(lambda side: self._z(acts, block, side))
        correlation = np.ascontiguousarray((self._acts.reference @ acts).T) / len(self._sample)
        correlation -= np.outer(self._mean.narrow[block], self._mean.reference)
        correlation /= np.outer(self._sd.narrow[block], self._sd.reference)
        correlation[:, ~self._counted] = -np.inf
        z.reference[:, ~self._counted] = 0
        # What correlates most stands for the same feature.
        z.reference[np.arange(len(correlation)), np.argmax(correlation, axis=1)] = 0
        z.narrow[np.abs(self._decoder[block] @ self._decoder.T) > MAX_NARROW_COSINE] = 0
        chosen = BySide.of(lambda side: [self._best(each, MAX_NEIGHBOURS[side]) for each in z[side]])
        return list(zip(chosen.narrow, chosen.reference, strict=True))

    def _z(self, acts: Float32s, block: slice, side: str) -> Float64s:
        each: BySide[Int64s] = self._n_firings
        own, other, fires = each.narrow, getattr(each, side), getattr(self._fires, side)
        both = np.ascontiguousarray((fires @ (acts > 0).astype(np.float32)).T)
        return np.nan_to_num(standard_score(both, own[block, None], other, len(self._sample)))

    def _best(self, z: Float64s, k: int) -> Int64s:
        found = np.flatnonzero(np.abs(z) >= self._bar)
        return np.sort(found[np.argsort(-np.abs(z[found]), kind="stable")[:k]])


class _Refit:
    """(impurity, kept) of a latent: kept is the length of the refitted direction along the decoder row."""

    def __init__(self, sample: Sample, decoder: Float32s) -> None:
        self._sample, self._decoder = sample, decoder
        self._halves = [slice(int(sample.bounds[a]), int(sample.bounds[b + 1])) for a, b in HALVES]
        self._inputs = [sample.inputs[half] - sample.inputs[half].mean(axis=0) for half in self._halves]

    def __call__(self, i: int, narrow: Int64s, reference: Int64s) -> tuple[float, float]:
        acts = (self._sample.narrow[:, [i, *narrow]], self._sample.reference[:, reference])
        regressors = np.hstack([each.toarray() for each in acts])
        one, other = (
            _first_coefficient(regressors[half], inputs)
            for half, inputs in zip(self._halves, self._inputs, strict=True)
        )
        row, product = self._decoder[i].astype(np.float64), float(one @ other)
        kept = float((one + other) @ row) / 2
        if product <= MIN_AGREEMENT * float(np.linalg.norm(one) * np.linalg.norm(other)):
            return float("nan"), kept
        return float(np.clip(1 - float(one @ row) * float(other @ row) / product, 0, 1)), kept


def _first_coefficient(regressors: Float32s, inputs: Float32s) -> Float64s:
    """`[d_in]` coefficient of the first of `[m, k]` regressors."""
    centred = regressors - regressors.mean(axis=0)
    gram = (centred.T @ centred).astype(np.float64) / len(centred)
    diagonal = np.einsum("kk->k", gram)
    diagonal *= 1 + RIDGE
    diagonal += 1e-12 * max(float(diagonal.sum()), 1e-30)
    weights = np.linalg.solve(gram, np.eye(1, len(gram))[0]).astype(np.float32)
    coefficient: Float64s = ((centred @ weights) @ inputs / len(centred)).astype(np.float64)
    return coefficient


class _Typical:
    """Impurity of a latent by its typical token."""

    def __init__(self, sample: Sample, decoder: Float32s) -> None:
        self._residual = sample.inputs - (sample.narrow_rows @ decoder).astype(np.float32)
        self._residual -= self._residual.mean(axis=0)
        self._moment = self._residual.T @ self._residual / np.float32(len(self._residual))
        self._sample, self._decoder, self._half = sample, decoder, _halves_of(sample)

    def __call__(self, i: int) -> float:
        acts = self._sample.narrow
        tokens = slice(acts.indptr[i], acts.indptr[i + 1])
        chosen = np.unique(np.linspace(0, tokens.stop - tokens.start - 1, MAX_TOKENS).astype(np.int64))
        values, where = acts.data[tokens][chosen], acts.indices[tokens][chosen]
        row, residual = self._decoder[i], self._residual[where]
        residual = residual - np.outer(residual @ row, row)
        places = (residual @ self._directions(residual, row) / values[:, None]).astype(np.float64)
        halves = [places[self._half[where] == half] for half in (0, 1)]
        if min(map(len, halves)) < MIN_TOKENS // 4:
            return float("nan")
        squared = max(float(_mode(halves[0]) @ _mode(halves[1])), 0.0)
        return squared / (1 + squared)

    def _directions(self, residual: Float32s, row: Float32s) -> Float32s:
        """`[d_in, 2]` at right angles to the row, in which the second moment exceeds that over all tokens most."""
        excess = residual.T @ residual / np.float32(len(residual)) - self._moment
        away = np.eye(len(row), dtype=np.float32) - np.outer(row, row) if len(row) < 128 else None
        if away is not None:
            return np.asarray(np.linalg.eigh(away @ excess @ away)[1][:, -N_DIRECTIONS:], dtype=np.float32)

        def times(vector: Float32s) -> Float32s:
            vector = vector.ravel() - (row @ vector.ravel()) * row
            product: Float32s = excess @ vector
            product -= (row @ product) * row
            return product

        operator = LinearOperator(excess.shape, matvec=times, dtype=excess.dtype)
        try:
            found: Float32s = np.asarray(eigsh(operator, k=N_DIRECTIONS, which="LA", v0=residual[0], tol=1e-3)[1])
        except ArpackError:
            found = np.asarray(np.linalg.svd(residual, full_matrices=False)[2][:N_DIRECTIONS].T)
        return found


def _halves_of(sample: Sample) -> Int64s:
    """`[m]` half of each token."""
    halves: Int64s = np.repeat([half for half, groups in enumerate(HALVES) for _ in groups], np.diff(sample.bounds))
    return halves


def _mode(places: Float64s) -> Float64s:
    """Mode of `[n, r]` points: mean shift (Fukunaga & Hostetler 1975) from the densest point."""
    distances = np.linalg.norm(places - np.median(places, axis=0), axis=1)
    width = BANDWIDTH * max(float(np.median(distances)), 1e-6)
    starts = places[:: max(1, len(places) // MAX_STARTS)]
    dense = np.exp(-cdist(starts, starts, "sqeuclidean") / (2 * width**2)).sum(axis=1)
    centre: Float64s = starts[np.argmax(dense)]
    for _ in range(N_STEPS):
        away = places - centre
        weight = np.exp(-np.einsum("ij,ij->i", away, away) / (2 * width**2))
        moved = weight @ places / weight.sum()
        if np.abs(moved - centre).max() < 1e-4 * width:
            break
        centre = moved
    return centre

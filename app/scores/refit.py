"""What direction the input itself gives a latent, once the latents that fire with it have their own share.

A latent's decoder row is what training settled on; its *refitted direction* is what the data say.
For narrow latent i with activations a_i, the input x is regressed on a_i and on the activations z_k
of other latents that fire with it more, or less, often than chance:

    x - mean(x)  =  a_i · v_i  +  sum over k of  z_k · u_k  +  rest          (least squares)

A pure latent gets v_i parallel to its decoder row d_i. A latent that hedges has parts of other
features in d_i; where another latent carries such a feature, that part of x goes to u_k, and v_i
turns away from d_i by just what was mixed in (Chanin, Dulka & Garriga-Alonso, arXiv 2505.11756:
hedging mixes correlated features into a latent). The least-squares decoder for given activations is
the dictionary update of the method of optimal directions (Engan, Aase & Husøy, ICASSP 1999).

Which z_k: latents of the reference, except the counterpart, the one whose activation correlates most
with a_i, since it stands for the same feature; and other latents of the narrow SAE that point
elsewhere, since they carry what the reference has absorbed.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np
import scipy.sparse as sp

from app.arrays import Flags, Float32s, Float64s, Int64s
from app.records import BySide, Side
from app.scores.blocks import blocks
from app.scores.overlap import significant_z, standard_score
from app.scores.sample_groups import HALF_PAIRS, PARTS, MapFunction
from app.stats.input_sample import N_GROUPS, Sample

IN_PART = np.array([[float(g in part) for g in range(N_GROUPS)] for part in PARTS])
"""`[parts, N_GROUPS]` 1 where a group belongs to a part."""

MAX_REFERENCE, MAX_NARROW = 32, 16
"""Maximum numbers of reference and of narrow latents in a regression: those whose firing correlates most with i's."""

MAX_NARROW_COSINE = 0.2
"""Narrow latents with a larger decoder cosine may hold parts of the same feature, so they are left out."""

RIDGE = 1e-3
"""Share of each regressor's variance that is added to it, so that two equal regressors can be solved for."""

MIN_AGREEMENT = 0.5
"""Cosine of the directions from two halves of the rows; below it the direction is noise."""


@dataclass(frozen=True)
class CorrelatedNeighbours:
    """For each narrow latent, the latents together with which it is refitted.

    Attributes:
        reference, narrow: `[L]` arrays of indices.
    """

    reference: list[Int64s]
    narrow: list[Int64s]


def correlated_neighbours(
    sample: Sample, decoder: Float32s, counted: Flags, map_function: MapFunction = map
) -> CorrelatedNeighbours:
    """Choose the latents together with which each narrow latent is refitted.

    Args:
        decoder: `[n_narrow, d_in]` unit decoder rows of the narrow SAE.
        counted: `[n_reference]` reference latents that can be a match.
        map_function: applied to the blocks of latents, such as the `map` of a pool.
    """
    found = list(map_function(_NeighbourSearch(sample, decoder, counted), blocks(len(decoder))))
    return CorrelatedNeighbours(
        reference=list(chain.from_iterable(block.reference for block in found)),
        narrow=list(chain.from_iterable(block.narrow for block in found)),
    )


class _NeighbourSearch:
    """Finds the neighbours of a block of narrow latents.

    The block is written out densely: it is so narrow that this beats a product of two sparse matrices.
    """

    def __init__(self, sample: Sample, decoder: Float32s, counted: Flags) -> None:
        self._decoder, self._counted, self._n_tokens = decoder, counted, len(sample)
        by_column = BySide(sample.narrow, sample.reference)
        self._acts = sample.narrow
        self._by_latent = sample.reference_rows.T
        self._fires = BySide(_ones(sample.narrow_rows.T), _ones(self._by_latent))
        self._n_firings = by_column.map(lambda each: np.diff(each.indptr).astype(np.int64))
        self._threshold = significant_z(len(decoder) * max(int(counted.sum()), 1))
        self._mean = by_column.map(lambda each: each.mean(axis=0))
        self._sd = by_column.map(_standard_deviation)

    def __call__(self, block: slice) -> CorrelatedNeighbours:
        """The neighbours of each narrow latent of a block."""
        acts = self._acts[:, block].toarray(order="C")
        fires = (acts > 0).astype(np.float32)
        z = self._z(fires, block, "reference")
        z[:, ~self._counted] = 0
        counterpart = np.argmax(self._correlation(acts, block), axis=1)
        z[np.arange(len(z)), counterpart] = 0  # it stands for the same feature
        own = self._z(fires, block, "narrow")
        own[np.abs(self._decoder[block] @ self._decoder.T) > MAX_NARROW_COSINE] = 0
        return CorrelatedNeighbours(
            reference=[_most_significant(each, self._threshold, MAX_REFERENCE) for each in z],
            narrow=[_most_significant(each, self._threshold, MAX_NARROW) for each in own],
        )

    def _correlation(self, acts: Float32s, block: slice) -> Float32s:
        """`[block, n_reference]` correlation of activations; what is not counted has -inf."""
        found: Float32s = np.ascontiguousarray((self._by_latent @ acts).T)
        found /= self._n_tokens
        found -= np.outer(self._mean.narrow[block], self._mean.reference)
        found /= np.outer(self._sd.narrow[block], self._sd.reference)
        found[:, ~self._counted] = -np.inf
        return found

    def _z(self, fires: Float32s, block: slice, side: Side) -> Float64s:
        """`[block, n]` standard scores of the co-firing with each latent of a side; 0 where undefined."""
        counts = np.ascontiguousarray((self._fires[side] @ fires).T)
        n_firings = self._n_firings
        z = standard_score(counts, n_firings.narrow[block, None], n_firings[side], self._n_tokens)
        defined: Float64s = np.nan_to_num(z, copy=False)
        return defined


def _standard_deviation(acts: sp.csc_array) -> Any:
    """`[n]` of each latent's activations."""
    mean, square = acts.mean(axis=0), acts.power(2).mean(axis=0)
    return np.sqrt(np.maximum(square - mean**2, 1e-30))


def _ones(matrix: Any) -> Any:
    """A one at each entry of a sparse matrix; float32 counts the tokens of any sample (up to 2^24) exactly."""
    return type(matrix)((np.ones(matrix.nnz, dtype=np.float32), matrix.indices, matrix.indptr), shape=matrix.shape)


def _most_significant(z: Float64s, threshold: float, k: int) -> Int64s:
    """At most k indices with the largest absolute z from the threshold on, ascending."""
    found = np.flatnonzero(np.abs(z) >= threshold)
    order = np.argsort(-np.abs(z[found]), kind="stable")[:k]
    return np.sort(found[order])


class Refitter:
    """Holds the sums over the sample that any latent's regression needs.

    Args:
        neighbours: the latents together with which each narrow latent is refitted.
        map_function: applied to the groups, such as the `map` of a pool.
    """

    def __init__(
        self,
        sample: Sample,
        decoder: Float32s,
        neighbours: CorrelatedNeighbours,
        map_function: MapFunction = map,
    ) -> None:
        self._decoder, self._neighbours, self._n_narrow = decoder, neighbours, len(decoder)
        self._used = np.unique(np.concatenate([np.empty(0, dtype=np.int64), *neighbours.reference]))
        self._n = np.diff(sample.bounds)
        reference = sample.reference[:, self._used]
        self._acts, self._sample = (sample.narrow, reference), sample
        self._sums_by_group = np.vstack([_sums_by_group(each, sample.group_of()) for each in self._acts])
        rows = sample.narrow_rows, reference.tocsr()

        def with_input(g: int) -> tuple[Float32s, Float64s]:
            inputs = sample.inputs[sample.group(g)]
            cross = np.vstack([acts[sample.group(g)].T @ inputs for acts in rows])
            return cross, inputs.mean(axis=0, dtype=np.float64)

        found = list(map_function(with_input, range(N_GROUPS)))
        self._with_input = [cross for cross, _ in found]
        self._mean_input = np.stack([mean for _, mean in found])

    def _sums(self, i: int) -> _Sums:
        """What the regression of latent i needs, by group."""
        references = self._n_narrow + np.searchsorted(self._used, self._neighbours.reference[i])
        latents = np.concatenate([[i], self._neighbours.narrow[i], references])
        regressors = self._dense(latents)
        parts = [regressors[:, self._sample.group(g)] for g in range(N_GROUPS)]
        return _Sums(
            n=self._n,
            sums=self._sums_by_group[latents].T,
            gram=np.stack([(part @ part.T).astype(np.float64) for part in parts]),
            cross=np.stack([each[latents] for each in self._with_input]),
            mean_input=self._mean_input,
        )

    def _dense(self, latents: Int64s) -> Float32s:
        """`[k, m]` activations of some latents, dense: for so few, that beats a sparse product."""
        dense = np.zeros((len(latents), len(self._sample)), dtype=np.float32)
        for out, latent in zip(dense, latents.tolist(), strict=True):
            acts, column = (
                (self._acts[0], latent) if latent < self._n_narrow else (self._acts[1], latent - self._n_narrow)
            )
            tokens = slice(acts.indptr[column], acts.indptr[column + 1])
            out[acts.indices[tokens]] = acts.data[tokens]
        return dense

    def refit(self, i: int) -> tuple[Float64s, Float64s]:
        """(impurity, kept) of latent i, each `[1 + N_GROUPS]`: from all groups, then with each left out.

        Impurity is `1 - cos²` of decoder row and refitted direction, NaN where the direction is noise.
        Kept is the length of the refitted direction along the decoder row: 1 where the latent keeps
        all of it, less where other latents carry a part of what it holds.
        """
        sums, row = self._sums(i), self._decoder[i].astype(np.float64)
        directions = sums.directions()
        both = [_compare(directions[a], directions[b], row) for a, b in HALF_PAIRS]
        impurity, kept = zip(*both, strict=True)
        return np.array(impurity), np.array(kept)


def _compare(first: Float64s, second: Float64s, row: Float64s) -> tuple[float, float]:
    """(impurity, kept) from the directions of two halves.

    Noise of the two halves is independent: products across them have none of it on average.
    """
    kept = float((first + second) @ row) / 2
    product = float(first @ second)
    if product <= MIN_AGREEMENT * float(np.linalg.norm(first) * np.linalg.norm(second)):
        return float("nan"), kept
    cosine_squared = float(first @ row) * float(second @ row) / product
    return float(np.clip(1 - cosine_squared, 0, 1)), kept


@dataclass(frozen=True)
class _Sums:
    """By group: `[G]` tokens, `[G, k]` sums and `[G, k, k]` products of regressors, `[G, k, d_in]` with the input,
    `[G, d_in]` mean input. Regressor 0 is the latent itself."""

    n: Int64s
    sums: Float64s
    gram: Float64s
    cross: Float32s
    mean_input: Float64s

    def directions(self) -> Float64s:
        """`[parts, d_in]` coefficient of the latent's own activation, from each of `PARTS`."""
        n = IN_PART @ self.n.astype(np.float64)
        mean = IN_PART @ self.sums / n[:, None]
        gram = np.tensordot(IN_PART, self.gram, 1) / n[:, None, None] - mean[:, :, None] * mean[:, None, :]
        diagonal = np.einsum("pkk->pk", gram)
        diagonal *= 1 + RIDGE
        diagonal += 1e-12 * np.maximum(diagonal.sum(axis=1, keepdims=True), 1e-30)
        # Only the first row of each solution is wanted: solve for the weights that pick it out.
        first = np.zeros((*mean.shape, 1))
        first[:, 0] = 1
        weights = np.linalg.solve(gram, first)[:, :, 0]
        # A part's sum with the input is that of its groups: one product for all parts.
        by_group = (IN_PART[:, :, None] * weights[:, None, :]).reshape(len(n), -1)
        with_input = by_group @ self.cross.reshape(by_group.shape[1], -1)
        mean_input = (IN_PART * self.n) @ self.mean_input / n[:, None]
        directions: Float64s = with_input / n[:, None] - (weights * mean).sum(axis=1, keepdims=True) * mean_input
        return directions


def _sums_by_group(acts: sp.csc_array, group_of: Int64s) -> Float64s:
    """`[n, N_GROUPS]` sum of each latent's activations."""
    n = acts.shape[1]
    cell = np.repeat(np.arange(n), np.diff(acts.indptr)) * N_GROUPS + group_of[acts.indices]
    sums: Float64s = np.bincount(cell, weights=acts.data, minlength=n * N_GROUPS).astype(np.float64)
    return sums.reshape(n, N_GROUPS)

"""What direction the input itself gives a latent, once what fires beside it has its own share.

A latent's decoder row is what training settled on; its *refitted direction* is what the data say.
For narrow latent i with activations a_i, the input x is regressed on a_i and on the activations z_k
of other latents that fire beside it more, or less, often than chance:

    x - mean(x)  =  a_i · v_i  +  sum over k of  z_k · u_k  +  rest          (least squares)

A pure latent gets v_i parallel to its decoder row d_i. A latent that hedges has parts of other
features in d_i; where another latent carries such a feature, that part of x goes to u_k, and v_i
turns away from d_i by just what was mixed in (Chanin, Dulka & Garriga-Alonso, arXiv 2505.11756:
hedging mixes correlated features into a latent). The least-squares decoder for given activations is
the dictionary update of the method of optimal directions (Engan, Aase & Husøy, ICASSP 1999).

Which z_k: latents of the reference, except the main partner, which stands for the same thing; and
other latents of the narrow SAE that point elsewhere (they carry what the reference has absorbed).
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from app.scores.groups import PAIRS, PARTS, Over
from app.scores.overlap import significant_z, standard_score
from app.stats.inputs import N_GROUPS, Sample

Floats = NDArray[np.float64]

IN_PART = np.array([[float(g in part) for g in range(N_GROUPS)] for part in PARTS])
"""`[parts, N_GROUPS]` 1 where a group belongs to a part."""

MAX_REFERENCE, MAX_NARROW = 32, 16
"""Latents beside which one is refitted, at most: those whose firing correlates most, by absolute phi."""

MAX_NARROW_COSINE = 0.2
"""Narrow latents nearer than this in direction may hold parts of the same feature: they are left out."""

RIDGE = 1e-3
"""Of each regressor's variance: keeps the regression solvable when two are the same."""

MIN_AGREEMENT = 0.5
"""Cosine of the directions from two halves of the rows; below it the direction is noise."""


@dataclass(frozen=True)
class Beside:
    """For each narrow latent, what it is refitted beside.

    Attributes:
        reference, narrow: `[L]` arrays of indices.
    """

    reference: list[NDArray[np.int64]]
    narrow: list[NDArray[np.int64]]


LATENTS_PER_BLOCK = 64
"""Narrow latents whose co-firing is counted at once: 64 × 65,536 pairs are 34 MB an array."""


def beside(sample: Sample, decoder: NDArray[np.float32], counted: NDArray[np.bool_], over: Over = map) -> Beside:
    """Choose what each narrow latent is refitted beside.

    Args:
        decoder: `[n_narrow, d_in]` unit decoder rows of the narrow SAE.
        counted: `[n_reference]` reference latents that can be a match.
        over: what goes over the blocks of latents, such as the `map` of a pool.
    """
    choose = _Choose(sample, decoder, counted)
    starts = range(0, len(decoder), LATENTS_PER_BLOCK)
    blocks = list(over(choose, starts))
    return Beside(*(list(chain.from_iterable(block[side] for block in blocks)) for side in (0, 1)))


class _Choose:
    """Chooses for a block of narrow latents.

    A block is so narrow that a sparse product with it as a dense matrix beats that of two sparse ones.
    """

    def __init__(self, sample: Sample, decoder: NDArray[np.float32], counted: NDArray[np.bool_]) -> None:
        self._decoder, self._counted = decoder, counted
        self._acts, self._n_tokens = sample.narrow, len(sample)
        self._by_latent = sample.reference_rows.T
        self._fires = _ones(sample.narrow_rows.T), _ones(self._by_latent)
        self._n = [np.diff(each.indptr).astype(np.int64) for each in (sample.narrow, sample.reference)]
        self._threshold = significant_z(len(decoder) * max(int(counted.sum()), 1))
        self._mean = [each.mean(axis=0) for each in (sample.narrow, sample.reference)]
        squares = [each.power(2).mean(axis=0) for each in (sample.narrow, sample.reference)]
        self._sd = [
            np.sqrt(np.maximum(square - mean**2, 1e-30)) for mean, square in zip(self._mean, squares, strict=True)
        ]

    def __call__(self, start: int) -> tuple[list[NDArray[np.int64]], list[NDArray[np.int64]]]:
        """(reference, narrow) latents beside each narrow latent from `start` on."""
        block = slice(start, start + LATENTS_PER_BLOCK)
        acts = self._acts[:, block].toarray(order="C")
        fires = (acts > 0).astype(np.float32)
        z = self._z(fires, block, 1)
        z[:, ~self._counted] = 0
        main_partner = np.argmax(self._correlation(acts, block), axis=1)
        z[np.arange(len(z)), main_partner] = 0  # it stands for the same thing
        own = self._z(fires, block, 0)
        own[np.abs(self._decoder[block] @ self._decoder.T) > MAX_NARROW_COSINE] = 0
        return (
            [_largest(each, self._threshold, MAX_REFERENCE) for each in z],
            [_largest(each, self._threshold, MAX_NARROW) for each in own],
        )

    def _correlation(self, acts: NDArray[np.float32], block: slice) -> NDArray[np.float32]:
        """`[block, n_reference]` correlation of activations; what is not counted has -inf."""
        found: NDArray[np.float32] = np.ascontiguousarray((self._by_latent @ acts).T)
        found /= self._n_tokens
        found -= np.outer(self._mean[0][block], self._mean[1])
        found /= np.outer(self._sd[0][block], self._sd[1])
        found[:, ~self._counted] = -np.inf
        return found

    def _z(self, fires: NDArray[np.float32], block: slice, side: int) -> Floats:
        """`[block, n]` standard scores of the co-firing with each latent of a side; 0 where undefined."""
        counts = np.ascontiguousarray((self._fires[side] @ fires).T)
        z = standard_score(counts, self._n[0][block, None], self._n[side], self._n_tokens)
        defined: Floats = np.nan_to_num(z, copy=False)
        return defined


def _ones(matrix: Any) -> Any:
    """A one at each entry of a sparse matrix; float32 counts the tokens of any sample (up to 2^24) exactly."""
    return type(matrix)((np.ones(matrix.nnz, dtype=np.float32), matrix.indices, matrix.indptr), shape=matrix.shape)


def _largest(z: Floats, threshold: float, k: int) -> NDArray[np.int64]:
    """At most k indices with the largest absolute z from the threshold on, ascending."""
    found = np.flatnonzero(np.abs(z) >= threshold)
    order = np.argsort(-np.abs(z[found]), kind="stable")[:k]
    return np.sort(found[order])


class Refitter:
    """Holds the sums over the sample that any latent's regression needs.

    Args:
        used: reference latents that occur in any regression, ascending.
        over: what goes over the groups, such as the `map` of a pool.
    """

    def __init__(
        self,
        sample: Sample,
        decoder: NDArray[np.float32],
        used: NDArray[np.int64],
        over: Over = map,
    ) -> None:
        self._decoder, self._used, self._n_narrow = decoder, used, len(decoder)
        self._n = np.diff(sample.bounds)
        reference = sample.reference[:, used]
        self._acts, self._sample = (sample.narrow, reference), sample
        self._sums_by_group = np.vstack([_sums_by_group(each, sample.group_of()) for each in self._acts])
        rows = sample.narrow_rows, reference.tocsr()

        def with_input(g: int) -> tuple[NDArray[np.float32], Floats]:
            inputs = sample.inputs[sample.group(g)]
            cross = np.vstack([acts[sample.group(g)].T @ inputs for acts in rows])
            return cross, inputs.mean(axis=0, dtype=np.float64)

        found = list(over(with_input, range(N_GROUPS)))
        self._with_input = [cross for cross, _ in found]
        self._mean_input = np.stack([mean for _, mean in found])

    def _sums(self, i: int, chosen: Beside) -> _Sums:
        """What the regression of latent i needs, by group."""
        references = self._n_narrow + np.searchsorted(self._used, chosen.reference[i])
        latents = np.concatenate([[i], chosen.narrow[i], references])
        regressors = self._dense(latents)
        parts = [regressors[:, self._sample.group(g)] for g in range(N_GROUPS)]
        return _Sums(
            n=self._n,
            sums=self._sums_by_group[latents].T,
            gram=np.stack([(part @ part.T).astype(np.float64) for part in parts]),
            cross=np.stack([each[latents] for each in self._with_input]),
            mean_input=self._mean_input,
        )

    def _dense(self, latents: NDArray[np.int64]) -> NDArray[np.float32]:
        """`[k, m]` activations of some latents: so few that multiplying them out beats a sparse product."""
        dense = np.zeros((len(latents), len(self._sample)), dtype=np.float32)
        for out, latent in zip(dense, latents.tolist(), strict=True):
            acts, column = (
                (self._acts[0], latent) if latent < self._n_narrow else (self._acts[1], latent - self._n_narrow)
            )
            tokens = slice(acts.indptr[column], acts.indptr[column + 1])
            out[acts.indices[tokens]] = acts.data[tokens]
        return dense

    def refit(self, i: int, chosen: Beside) -> tuple[Floats, Floats]:
        """(impurity, kept) of latent i, each `[1 + N_GROUPS]`: from all groups, then with each left out.

        Impurity is `1 - cos²` of decoder row and refitted direction, NaN where the direction is noise.
        Kept is the length of the refitted direction along the decoder row: 1 where the latent keeps
        all of it, less where other latents carry a part of what it holds.
        """
        sums, row = self._sums(i, chosen), self._decoder[i].astype(np.float64)
        directions = sums.directions()
        both = [_compare(directions[a], directions[b], row) for a, b in PAIRS]
        impurity, kept = zip(*both, strict=True)
        return np.array(impurity), np.array(kept)


def _compare(first: Floats, second: Floats, row: Floats) -> tuple[float, float]:
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

    n: NDArray[np.int64]
    sums: Floats
    gram: Floats
    cross: NDArray[np.float32]
    mean_input: Floats

    def directions(self) -> Floats:
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
        directions: Floats = with_input / n[:, None] - (weights * mean).sum(axis=1, keepdims=True) * mean_input
        return directions


def _sums_by_group(acts: sp.csc_array, group_of: NDArray[np.int64]) -> Floats:
    """`[n, N_GROUPS]` sum of each latent's activations."""
    n = acts.shape[1]
    cell = np.repeat(np.arange(n), np.diff(acts.indptr)) * N_GROUPS + group_of[acts.indices]
    sums: Floats = np.bincount(cell, weights=acts.data, minlength=n * N_GROUPS).astype(np.float64)
    return sums.reshape(n, N_GROUPS)

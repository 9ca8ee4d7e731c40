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

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from app.scores.groups import PAIRS, PARTS
from app.scores.overlap import overlap, significant_z
from app.stats.inputs import N_GROUPS, Sample

Floats = NDArray[np.float64]

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


def beside(sample: Sample, decoder: NDArray[np.float32], counted: NDArray[np.bool_]) -> Beside:
    """Choose what each narrow latent is refitted beside.

    Args:
        decoder: `[n_narrow, d_in]` unit decoder rows of the narrow SAE.
        counted: `[n_reference]` reference latents that can be a match.
    """
    m = len(sample.inputs)
    fires = _ones(sample.narrow), _ones(sample.reference)
    n_i, n_j = (np.diff(each.indptr).astype(np.int64) for each in fires)
    threshold = significant_z(len(n_i) * max(int(counted.sum()), 1))
    with_reference = (fires[0].T @ fires[1]).tocsr()
    with_narrow = (fires[0].T @ fires[0]).tocsr()
    products = (sample.narrow.T @ sample.reference).tocsr()
    moments = [(each.mean(axis=0), each.power(2).mean(axis=0)) for each in (sample.narrow, sample.reference)]
    sd = [np.sqrt(np.maximum(square - mean**2, 1e-30)) for mean, square in moments]
    reference, narrow = [], []
    for i in range(len(n_i)):
        row = products[[i]].toarray()[0] / m
        correlation = np.where(counted, (row - moments[0][0][i] * moments[1][0]) / (sd[0][i] * sd[1]), -np.inf)
        z = _z(with_reference, i, n_i, n_j, m)
        z[~counted] = 0
        z[np.argmax(correlation)] = 0  # the main partner, which stands for the same thing
        reference.append(_largest(z, threshold, MAX_REFERENCE))
        z = _z(with_narrow, i, n_i, n_i, m)
        z[np.abs(decoder @ decoder[i]) > MAX_NARROW_COSINE] = 0
        narrow.append(_largest(z, threshold, MAX_NARROW))
    return Beside(reference, narrow)


def _ones(matrix: sp.csc_array) -> sp.csc_array:
    return sp.csc_array((np.ones(matrix.nnz), matrix.indices, matrix.indptr), shape=matrix.shape)


def _z(n_both: sp.csr_array, i: int, n_i: NDArray[np.int64], n_j: NDArray[np.int64], m: int) -> Floats:
    """`[n]` standard scores of the co-firing of latent i; 0 where undefined."""
    counts = n_both[[i]].toarray()[0].astype(np.int64)
    return np.nan_to_num(overlap(counts, np.full(len(n_j), n_i[i]), n_j, m).z)


def _largest(z: Floats, threshold: float, k: int) -> NDArray[np.int64]:
    """At most k indices with the largest absolute z from the threshold on, ascending."""
    found = np.flatnonzero(np.abs(z) >= threshold)
    order = np.argsort(-np.abs(z[found]), kind="stable")[:k]
    return np.sort(found[order])


class Refitter:
    """Holds the sums over the sample that any latent's regression needs.

    Args:
        used: reference latents that occur in any regression, ascending.
    """

    def __init__(self, sample: Sample, decoder: NDArray[np.float32], used: NDArray[np.int64]) -> None:
        self._sample, self._decoder, self._used = sample, decoder, used
        self._mean = [self._inputs(g).mean(axis=0, dtype=np.float64) for g in range(N_GROUPS)]
        narrow, reference = sample.narrow.tocsr(), sample.reference[:, used].tocsr()
        self._narrow_input = [narrow[sample.group(g)].T @ self._inputs(g) for g in range(N_GROUPS)]
        self._reference_input = [reference[sample.group(g)].T @ self._inputs(g) for g in range(N_GROUPS)]

    def _inputs(self, g: int) -> NDArray[np.float32]:
        return self._sample.inputs[self._sample.group(g)]

    def _sums(self, i: int, chosen: Beside) -> _Sums:
        """What the regression of latent i needs, by group."""
        k_narrow = [i, *chosen.narrow[i]]
        place = np.searchsorted(self._used, chosen.reference[i])
        regressors = self._dense(k_narrow, chosen.reference[i])
        parts = [regressors[:, self._sample.group(g)] for g in range(N_GROUPS)]
        return _Sums(
            n=np.diff(self._sample.bounds),
            sums=np.stack([part.sum(axis=1, dtype=np.float64) for part in parts]),
            gram=np.stack([(part @ part.T).astype(np.float64) for part in parts]),
            cross=np.stack(
                [
                    np.vstack([narrow[k_narrow], reference[place]])
                    for narrow, reference in zip(self._narrow_input, self._reference_input, strict=True)
                ]
            ),
            mean_input=np.stack(self._mean),
        )

    def _dense(self, narrow: list[int], reference: NDArray[np.int64]) -> NDArray[np.float32]:
        """`[k, m]` activations of some latents: so few that multiplying them out beats a sparse product."""
        columns = [(self._sample.narrow, i) for i in narrow] + [(self._sample.reference, j) for j in reference]
        dense = np.zeros((len(columns), len(self._sample)), dtype=np.float32)
        for out, (acts, j) in zip(dense, columns, strict=True):
            tokens = slice(acts.indptr[j], acts.indptr[j + 1])
            out[acts.indices[tokens]] = acts.data[tokens]
        return dense

    def refit(self, i: int, chosen: Beside) -> tuple[Floats, Floats]:
        """(impurity, kept) of latent i, each `[1 + N_GROUPS]`: from all groups, then with each left out.

        Impurity is `1 - cos²` of decoder row and refitted direction, NaN where the direction is noise.
        Kept is the length of the refitted direction along the decoder row: 1 where the latent keeps
        all of it, less where other latents carry a part of what it holds.
        """
        sums, row = self._sums(i, chosen), self._decoder[i].astype(np.float64)
        directions = [sums.direction(part) for part in PARTS]
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

    def direction(self, groups: tuple[int, ...]) -> Floats:
        """`[d_in]` coefficient of the latent's own activation."""
        which = list(groups)
        n = float(self.n[which].sum())
        mean = self.sums[which].sum(axis=0) / n
        mean_input = (self.n[which, None] * self.mean_input[which]).sum(axis=0) / n
        gram = self.gram[which].sum(axis=0) / n - np.outer(mean, mean)
        cross = self.cross[which].sum(axis=0) / n - mean[:, None] * mean_input
        gram[np.diag_indices_from(gram)] *= 1 + RIDGE
        gram[np.diag_indices_from(gram)] += 1e-12 * max(float(np.trace(gram)), 1e-30)
        # Only the first row of the solution is wanted: solve for the weights that pick it out.
        weights = np.linalg.solve(gram, np.eye(len(gram), 1)[:, 0])
        direction: Floats = weights @ cross
        return direction

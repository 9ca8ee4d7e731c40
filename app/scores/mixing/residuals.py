"""What a latent's decoder row has too much, read from what the SAEs fail to reconstruct.

For narrow latent i and partners j, the input's part Y that a reconstruction leaves over is regressed on a_i and the
z_j, and H_i is the coefficient of a_i, negated:

    narrow       Y = x - sum over all k of a_k d_k
    reference    Y = x - sum over j other than the main partner of z_j e_j - a_i d_i

Where d_i holds beta e_j, the reconstruction is beta a_i e_j too long just where j is silent, so H_i points along
e_j. It sees what is in the row, wherever that came from; training leaves little of it, since a least-squares decoder
is right on average, and other narrow latents make up for the rest. Biases drop out, since all is centred.
"""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp
from scipy.linalg.lapack import dposv

from app.arrays import Float32s, Float64s, Int64s
from app.records import BySide
from app.scores.mixing.composition import RIDGE
from app.scores.mixing.products import SampleProducts
from app.scores.sample_groups import PARTS, MapFunction
from app.stats.index_ranges import expand_ranges
from app.stats.input_sample import N_GROUPS, Sample


class Residuals:
    """Sums of activations times both residuals, by group: 2.0 GB for 16,384 and 65,536 latents of 768 dimensions.

    Args:
        decoders: `[n, d]` and `[m, d]` unit rows.
        products: of the sample, if there are tables of them.
        map_function: applied to the groups, such as the `map` of a pool.
    """

    def __init__(
        self,
        sample: Sample,
        decoders: BySide[Float32s],
        products: SampleProducts | None = None,
        map_function: MapFunction = map,
    ) -> None:
        self._sample, self._decoders, self._table = sample, decoders, products
        self._squares = _squares_by_group(sample)
        self._n = np.diff(sample.bounds).astype(np.float64)
        self._rows = BySide(sample.narrow_rows, sample.reference_rows)
        self._mean = self._rows.map(lambda acts: np.stack([_means(acts[sample.group(g)]) for g in range(N_GROUPS)]))
        # Of each side's residual, with the activations of each side: [N_GROUPS, latents, d].
        self._with: BySide[BySide[Float32s]] = BySide.of(
            lambda _: decoders.map(lambda rows: np.empty((N_GROUPS, *rows.shape), dtype=np.float32))
        )
        self._mean_residual = BySide.of(lambda _: np.empty((N_GROUPS, sample.inputs.shape[1])))
        list(map_function(self._add_group, range(N_GROUPS)))

    def _add_group(self, g: int) -> None:
        tokens = self._sample.group(g)
        acts = self._rows.map(lambda rows: rows[tokens])
        for side in ("narrow", "reference"):
            residual = self._sample.inputs[tokens] - acts[side] @ self._decoders[side]
            mean = residual.mean(axis=0, dtype=np.float64)
            residual -= mean.astype(np.float32)
            self._mean_residual[side][g] = mean
            for of in ("narrow", "reference"):
                self._with[side][of][g] = acts[of].T @ residual

    def deviations(self, i: int, main: int, partners: Int64s) -> Float32s:
        """`[2, parts, d]` H of narrow latent i, from the narrow SAE's residual and the reference's.

        Args:
            partners: reference latents that take part in the regression.
            main: reference latent in whose place a_i d_i stands in the reference's reconstruction.
        """
        gram, mean = self._products(i, np.append(partners, main))
        k = len(partners) + 1
        cross = self._with.map(
            lambda sums: np.concatenate([sums.narrow[:, i : i + 1], sums.reference[:, partners]], axis=1)
        )
        found = np.empty((2, len(PARTS), self._sample.inputs.shape[1]), dtype=np.float32)
        for p, groups in enumerate(PARTS):
            g = list(groups)
            solved, with_main = _own_coefficient(gram[g], mean[g], self._n[g], k)
            of_narrow, of_reference = (
                solved @ self._centred(each, self._mean_residual[side], mean[:, :k], g) for side, each in cross.items()
            )
            found[0, p] = -of_narrow
            found[1, p] = self._decoders.narrow[i] - of_reference - with_main * self._decoders.reference[main]
        return found

    def _centred(self, cross: Float32s, residual: Float64s, mean: Float64s, groups: list[int]) -> Float64s:
        """`[k, d]` centred sums of regressors and residual over some groups, each of which is centred by itself."""
        n = self._n[groups]
        total = cross[groups].sum(axis=0, dtype=np.float64)
        if len(groups) > 1:
            # What lies between the groups' means.
            away = mean[groups] - n @ mean[groups] / n.sum()
            total += (away * n[:, None]).T @ residual[groups]
        centred: Float64s = total
        return centred

    def _products(self, i: int, reference: Int64s) -> tuple[Float64s, Float64s]:
        """(`[N_GROUPS, k, k]` sums of products, `[N_GROUPS, k]` means) of narrow latent i and reference latents."""
        mean = np.concatenate([self._mean.narrow[:, [i]], self._mean.reference[:, reference]], axis=1)
        if self._table is None:
            return self._products_of_firings(i, reference), mean
        gram = np.empty((N_GROUPS, len(reference) + 1, len(reference) + 1))
        gram[:, 0, 0] = self._squares[:, i]
        gram[:, 0, 1:] = gram[:, 1:, 0] = self._table.crossed[:, i, reference]
        gram[:, 1:, 1:] = self._table.reference[:, reference[:, None], reference]
        return gram, mean

    def _products_of_firings(self, i: int, reference: Int64s) -> Float64s:
        """The sums, from the tokens on which any of the latents fires: some 10,000 of 65,536."""
        tokens, values, column = self._firings(i, reference)
        fires = np.zeros(len(self._sample), dtype=np.bool_)
        fires[tokens] = True
        before = np.concatenate([[0], np.cumsum(fires)])
        dense = np.zeros((before[-1], len(reference) + 1), dtype=np.float32)
        dense[before[tokens], column] = values
        cuts = before[self._sample.bounds]
        return np.stack([part.T @ part for part in np.split(dense, cuts[1:-1])]).astype(np.float64)

    def _firings(self, i: int, reference: Int64s) -> tuple[Int64s, Float32s, Int64s]:
        """(token, activation, 0 for narrow latent i or else 1 + place in `reference`) of all firings of these."""
        narrow, acts = self._sample.narrow, self._sample.reference
        own = slice(narrow.indptr[i], narrow.indptr[i + 1])
        place, entry = expand_ranges(acts.indptr[reference], acts.indptr[reference + 1])
        return (
            np.concatenate([narrow.indices[own], acts.indices[entry]]),
            np.concatenate([narrow.data[own], acts.data[entry]]),
            np.concatenate([np.zeros(own.stop - own.start, dtype=np.int64), place + 1]),
        )


def _own_coefficient(gram: Float64s, mean: Float64s, n: Float64s, k: int) -> tuple[Float64s, float]:
    """Of a centred regression on the first k columns: the weights `[k]` that give the coefficient of column 0 from
    the sums with any target, and that coefficient with the last column as the target.

    Args:
        gram: `[groups, k + 1, k + 1]` sums of products; mean: `[groups, k + 1]`; n: `[groups]` tokens.
    """
    total = n @ mean / n.sum()
    centred = gram.sum(axis=0) - n.sum() * np.outer(total, total)
    inner = centred[:k, :k].copy()
    diagonal = np.diagonal(inner).copy()
    inner[np.diag_indices(k)] += RIDGE * diagonal + 1e-9 * max(float(diagonal.sum()), 1e-9)
    first = np.zeros(k)
    first[0] = 1
    solved: Float64s = dposv(inner, first)[1]
    return solved, float(solved @ centred[:k, -1])


def _squares_by_group(sample: Sample) -> Float64s:
    """`[N_GROUPS, n]` sums of the squares of the narrow activations."""
    groups = (sample.narrow_rows[sample.group(g)].astype(np.float64) for g in range(N_GROUPS))
    return np.stack([acts.power(2).sum(axis=0) for acts in groups])


def _means(acts: sp.csr_array) -> Float64s:
    """`[n]` mean activations."""
    means: Float64s = np.asarray(acts.sum(axis=0), dtype=np.float64).ravel() / acts.shape[0]
    return means

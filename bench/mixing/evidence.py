"""What the activations say of every pair of a narrow latent i and a reference latent j.

Two kinds of evidence, each from several parts of the tokens (`PARTS`), both centred over tokens:

    composition   W = (A'A + ridge)^-1 A'Z       joint regression of every reference activation z_j on *all*
                                                 narrow activations: a least-squares decoder has
                                                 d_i = sum over j of W_ij e_j
    residual      H_i = -(coefficient of a_i)    in a regression of what an SAE fails to reconstruct on a_i and
                                                 the z_j of i's partners: where d_i holds beta e_j, the
                                                 reconstruction is beta a_i e_j too long just where j is silent

Composition sees what training puts into a decoder row; residual evidence sees what is in the row, whoever put it
there. Source of the idea: Chanin, Dulka & Garriga-Alonso, arXiv 2505.11756. Activations are times the decoder norm
and decoder rows are unit, so that weights and inputs have one unit. Sparse matrices have tokens in rows, sorted by
group of rows of text (`app.stats.inputs.Sample`). Biases drop out, since everything is centred.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.linalg as la
import scipy.sparse as sp
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Singles = NDArray[np.float32]
Indices = NDArray[np.int64]

N_GROUPS = 4
PARTS: tuple[tuple[int, ...], ...] = ((0, 1), (2, 3), (0,), (1,), (2,), (3,))
"""Two halves of the groups, then each group, which stands for its half where the other group is left out."""

RIDGE = 1e-3
"""Of each regressor's variance: keeps regressions solvable where two latents are the same."""

N_BLOCKS = 512
"""Stretches of neighbouring tokens that count as one observation for a standard error: about 128 tokens each."""


@dataclass(frozen=True)
class Activations:
    """Both SAEs on the same tokens, sorted by group.

    Attributes:
        narrow: `[T, n]`, reference: `[T, m]` activations times decoder norm, sparse by column.
        inputs: `[T, d]` what the SAEs read.
        bounds: `[N_GROUPS + 1]`; group g has the tokens `[bounds[g], bounds[g + 1])`, each group at least one.
    """

    narrow: sp.csc_array
    reference: sp.csc_array
    inputs: Singles
    bounds: Indices

    @property
    def n_tokens(self) -> int:
        """T."""
        return len(self.inputs)

    def tokens(self, part: int) -> slice:
        """Tokens of one of `PARTS`: groups of a part are neighbours."""
        groups = PARTS[part]
        return slice(int(self.bounds[groups[0]]), int(self.bounds[groups[-1] + 1]))


class Composition:
    """`W` for blocks of narrow latents, without ever holding `[n, m]` numbers.

    With the activation that is left of a_i once all other narrow latents have their part,
    `ã = A (A'A + ridge)^-1`, W_ij is the plain sum of ã_i z_j. An inverse of `[n, n]` float32 for each of the parts is
    all that is held: 1.1 GB at n = 16,384.

    Args:
        parts: places in `PARTS` that are wanted.
    """

    def __init__(self, acts: Activations, parts: tuple[int, ...] = (0, 1)) -> None:
        self._acts, self._parts = acts, parts
        rows = acts.narrow.tocsr(), acts.reference.tocsr()
        self._narrow = [rows[0][acts.tokens(p)] for p in parts]
        self._reference = [rows[1][acts.tokens(p)].T for p in parts]
        self._inverse = [inverse_gram(each) for each in self._narrow]
        self._block = np.arange(acts.n_tokens) * N_BLOCKS // acts.n_tokens

    def left_over(self, latents: Indices, place: int) -> Singles:
        """`[T_part, k]` ã of some narrow latents in a part, of mean 0."""
        found: Singles = self._narrow[place] @ self._inverse[place][:, latents]
        found -= found.mean(axis=0)
        return found

    def weights(self, left_over: list[Singles]) -> Singles:
        """`[parts, k, m]` W of these latents."""
        return np.stack([(z @ each).T for z, each in zip(self._reference, left_over, strict=True)])

    def standard_error(self, left_over: list[Singles], which: int, partners: Indices) -> Floats:
        """`[p]` standard error of the mean of W over both halves, for the k-th latent and some reference latents.

        Stretches of tokens are the observations (cluster-robust): Liang & Zeger, Biometrika 73 (1986) 13.
        """
        if not len(partners):
            return np.empty(0)
        column = np.concatenate([each[:, which] for each in left_over])
        entries = [_entries(self._acts.reference, j) for j in partners.tolist()]
        tokens = np.concatenate([each for each, _ in entries])
        values = column[tokens] * np.concatenate([each for _, each in entries])
        owner = np.repeat(np.arange(len(partners)), [len(each) for each, _ in entries])
        cells = len(partners) * N_BLOCKS
        sums = np.bincount(owner * N_BLOCKS + self._block[tokens], weights=values, minlength=cells)
        by_block = sums.reshape(len(partners), N_BLOCKS)
        squares = np.square(by_block).sum(axis=1) - by_block.sum(axis=1) ** 2 / N_BLOCKS
        return np.asarray(np.sqrt(np.maximum(squares, 1e-30)) / 2)


def inverse_gram(rows: sp.csr_array) -> Singles:
    """`[n, n]` inverse of the centred A'A with a ridge; in float64 up to 8,192 latents, float32 beyond."""
    n_tokens, n = rows.shape
    dtype = np.float64 if n <= 8192 else np.float32
    gram: NDArray[Any] = np.asarray((rows.T.tocsr() @ rows).todense(), dtype=dtype)
    sums = np.asarray(rows.sum(axis=0), dtype=np.float64).ravel()
    gram -= np.outer(sums, sums / n_tokens).astype(dtype)
    diagonal = np.diagonal(gram).copy()
    # A latent that never fires gets a pivot all the same, and weights of 0.
    gram[np.diag_indices(n)] += RIDGE * diagonal + 1e-6 * max(float(diagonal.max(initial=0.0)), 1e-12)
    factor = la.cholesky(gram, lower=True, overwrite_a=True, check_finite=False)
    inverse, _ = la.lapack.get_lapack_funcs(("potri",), (factor,))[0](factor, lower=True, overwrite_c=True)
    lower = np.tril(inverse)
    return np.asarray(lower + np.tril(lower, -1).T, dtype=np.float32)


class Residuals:
    """Sums of activations times what each SAE fails to reconstruct, by group.

    Args:
        narrow_decoder: `[n, d]`, reference_decoder: `[m, d]` unit rows.
    """

    def __init__(self, acts: Activations, narrow_decoder: Singles, reference_decoder: Singles) -> None:
        self._acts, self._rows = acts, (narrow_decoder, reference_decoder)
        self._n = np.diff(acts.bounds).astype(np.float64)
        sides = acts.narrow.tocsr(), acts.reference.tocsr()
        self._mean = [_sums_by_group(each, acts.bounds) / self._n[:, None] for each in sides]
        # [side of the residual][side of the activations] -> [N_GROUPS, latents, d]
        self._cross = [
            [np.empty((N_GROUPS, each.shape[1], acts.inputs.shape[1]), np.float32) for each in sides] for _ in sides
        ]
        self._mean_residual = np.empty((2, N_GROUPS, acts.inputs.shape[1]))
        for g in range(N_GROUPS):
            tokens = slice(int(acts.bounds[g]), int(acts.bounds[g + 1]))
            parts = [each[tokens] for each in sides]
            for side in (0, 1):
                residual = acts.inputs[tokens] - parts[side] @ self._rows[side]
                self._mean_residual[side, g] = residual.mean(axis=0)
                residual -= self._mean_residual[side, g].astype(np.float32)
                for of, part in enumerate(parts):
                    self._cross[side][of][g] = part.T @ residual

    def deviations(self, i: int, main: int, partners: Indices) -> Singles:
        """`[2, parts, d]` H of latent i, from the narrow SAE's residual and from the reference's.

        The second one puts a_i d_i in the place of the main partner in the reference's reconstruction.
        """
        gram, mean = _by_group(self._acts, i, np.append(partners, main))
        k = len(partners) + 1
        cross = [
            np.concatenate([self._cross[side][0][:, i : i + 1], self._cross[side][1][:, partners]], axis=1)
            for side in (0, 1)
        ]
        found = np.zeros((2, len(PARTS), cross[0].shape[2]), dtype=np.float32)
        for p, groups in enumerate(PARTS):
            g = list(groups)
            solved, with_main = _first_row(gram[g], mean[g], self._n[g], k)
            for side in (0, 1):
                of_side = np.tensordot(solved, self._in_part(side, cross[side], mean[:, :k], g), 1)
                if side == 1:
                    of_side = of_side + with_main * self._rows[1][main] - self._rows[0][i]
                found[side, p] = -of_side
        return found

    def _in_part(self, side: int, cross: Singles, mean: Floats, groups: list[int]) -> Floats:
        """`[k, d]` centred sums of regressors and residual over some groups."""
        n = self._n[groups]
        total = cross[groups].sum(axis=0, dtype=np.float64)
        if len(groups) > 1:
            # Each group is centred by itself: add what lies between the groups' means.
            away = mean[groups] - n @ mean[groups] / n.sum()
            total = total + (away * n[:, None]).T @ self._mean_residual[side][groups]
        return np.asarray(total)


def _by_group(acts: Activations, i: int, reference: Indices) -> tuple[Floats, Floats]:
    """(`[N_GROUPS, k, k]` sums of products, `[N_GROUPS, k]` means) of narrow latent i and some reference latents.

    Only tokens on which any of them fires are written out: some 10,000 of 65,536.
    """
    columns = [_entries(acts.narrow, i), *(_entries(acts.reference, j) for j in reference.tolist())]
    fires = np.zeros(acts.n_tokens, dtype=np.bool_)
    for tokens, _ in columns:
        fires[tokens] = True
    place = np.cumsum(fires) - 1
    dense = np.zeros((len(columns), int(fires.sum())), dtype=np.float32)
    for out, (tokens, values) in zip(dense, columns, strict=True):
        out[place[tokens]] = values
    cuts = np.concatenate([[0], np.cumsum(fires)])[acts.bounds]
    parts = [dense[:, cuts[g] : cuts[g + 1]] for g in range(N_GROUPS)]
    gram = np.stack([part @ part.T for part in parts]).astype(np.float64)
    n = np.diff(acts.bounds).astype(np.float64)
    return gram, np.stack([part.sum(axis=1, dtype=np.float64) for part in parts]) / n[:, None]


def _entries(acts: sp.csc_array, latent: int) -> tuple[NDArray[np.int32], Singles]:
    """(tokens, activations) of a latent."""
    entries = slice(int(acts.indptr[latent]), int(acts.indptr[latent + 1]))
    return acts.indices[entries], acts.data[entries]


def _first_row(gram: Floats, mean: Floats, n: Floats, k: int) -> tuple[Floats, float]:
    """Of a centred regression on the first k columns: weights `[k]` that give the coefficient of column 0 from the
    sums with any target, and that coefficient with the last column as the target."""
    total = n @ mean / n.sum()
    centred = gram.sum(axis=0) - n.sum() * np.outer(total, total)
    inner = centred[:k, :k].copy()
    diagonal = np.diagonal(inner).copy()
    inner[np.diag_indices(k)] += RIDGE * diagonal + 1e-9 * max(float(diagonal.sum()), 1e-9)
    first = np.zeros(k)
    first[0] = 1
    solved = la.solve(inner, first, assume_a="pos", check_finite=False)
    return solved, float(solved @ centred[:k, -1])


def _sums_by_group(rows: sp.csr_array, bounds: Indices) -> Floats:
    """`[N_GROUPS, n]` sums of activations."""
    return np.stack(
        [np.asarray(rows[int(bounds[g]) : int(bounds[g + 1])].sum(axis=0)).ravel() for g in range(N_GROUPS)]
    ).astype(np.float64)

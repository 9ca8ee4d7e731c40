"""Decoder cosines: the nearest rows of a decoder, and those of given pairs of rows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from app.arrays import Flags, Float32s, Float64s, Int64s

BLOCK = 256
"""Rows of a cosine table made at once: 256 × 65,536 cosines are 67 MB, putting them in order takes twice that."""

GROUP = 64
"""Columns of a table of which only the largest cosine is looked at first."""

PAIR_VALUES = 1 << 24
"""Numbers of decoder rows copied at once for given pairs: 67 MB."""


@dataclass(frozen=True)
class Nearest:
    """The nearest rows of another decoder, for each row of one.

    Attributes:
        index: `[n, k]` int64, nearest first; -1 where there are fewer than k.
        cosine: `[n, k]` float32; NaN where there are fewer than k.
    """

    index: Int64s
    cosine: Float32s


def nearest(queries: Float32s, decoder: Float32s, alive: Flags, k: int, *, same: bool = False) -> Nearest:
    """The k rows of `decoder` with the largest cosine to each query. Ties: lowest index first.

    Args:
        queries: `[n, d_in]` unit rows.
        decoder: `[m, d_in]` unit rows.
        alive: `[m]`, false for rows that can't be a match (latents that never fire).
        same: whether both are one decoder, so that a row is not its own neighbour.
    """
    columns = np.flatnonzero(alive)
    rows = decoder if len(columns) == len(decoder) else decoder[columns]
    found = _Found(len(queries), k)
    for start in range(0, len(queries), BLOCK):
        found.put(start, queries[start : start + BLOCK] @ rows.T, columns, same)
    return found.finalize()


def neighbours(decoder: Float32s, alive: Flags, k: int) -> tuple[Nearest, Float32s]:
    """The k nearest other rows of each row's own decoder, and `c_dec` of each row, from one table of cosines.

    `c_dec`, `[n]`, is the mean absolute cosine of a row to all the other rows; NaN for a single row.
    Source: *Sparse but Wrong*, arXiv 2508.16560.

    Args:
        decoder: `[n, d_in]` unit rows.
        alive: `[n]`, false for rows that can't be a neighbour.
    """
    columns = np.flatnonzero(alive)
    found, total = _Found(len(decoder), k), np.zeros(len(decoder))
    for start in range(0, len(decoder), BLOCK):
        table = decoder[start : start + BLOCK] @ decoder.T
        total[start : start + BLOCK] = np.abs(table).sum(axis=1, dtype=np.float64)
        found.put(start, table if len(columns) == len(decoder) else table[:, columns], columns, True)
    return found.finalize(), _mean_of_others(total, decoder)


def _mean_of_others(total: Float64s, decoder: Float32s) -> Float32s:
    """`[n]` mean of the cosines in a sum over all rows, without the row itself."""
    if len(decoder) < 2:
        return np.full(len(decoder), np.nan, dtype=np.float32)
    own = np.einsum("ij,ij->i", decoder, decoder, dtype=np.float64)
    # Float32 products of orthogonal rows can come out a rounding below zero, of equal rows above one.
    mean: Float32s = np.clip((total - own) / (len(decoder) - 1), 0, 1).astype(np.float32)
    return mean


class _Found:
    """The nearest rows found so far."""

    def __init__(self, n: int, k: int) -> None:
        self._index = np.full((n, k), -1, dtype=np.int64)
        self._cosine = np.full((n, k), np.nan, dtype=np.float32)

    def put(self, start: int, table: Float32s, columns: Int64s, same: bool) -> None:
        """Choose for the queries from `start` on; `table` has their cosines to rows `columns` and is written to."""
        if same:
            own = columns[None, :] == np.arange(start, start + len(table))[:, None]
            table[own] = -np.inf
        top = min(self._index.shape[1], table.shape[1])
        if top == 0:
            return
        order = _top(table, top)
        found = np.take_along_axis(table, order, axis=1)
        itself = np.isneginf(found)
        self._index[start : start + len(table), :top] = np.where(itself, -1, columns[order])
        self._cosine[start : start + len(table), :top] = np.where(itself, np.nan, found)

    def finalize(self) -> Nearest:
        """All of them."""
        return Nearest(self._index, np.clip(self._cosine, -1, 1))


def _top(table: Float32s, k: int) -> Int64s:
    """Column indices of the k largest values of each row, largest first, ties by index."""
    n = table.shape[1]
    if n >= 2 * k * GROUP:
        return _top_of_groups(table, k)
    part = np.argpartition(table, n - k, axis=1)[:, n - k :]
    # A partition takes any of the values that tie with its smallest one: such rows are put in order whole.
    border = np.take_along_axis(table, part, axis=1).min(axis=1)
    torn = (table >= border[:, None]).sum(axis=1) > k
    part[torn] = np.argsort(-table[torn], axis=1, kind="stable")[:, :k]
    part.sort(axis=1)
    order = np.argsort(-np.take_along_axis(table, part, axis=1), axis=1, kind="stable")
    return np.take_along_axis(part, order, axis=1).astype(np.int64)


def _top_of_groups(table: Float32s, k: int) -> Int64s:
    """The same, of wide tables: the k-th largest maximum of groups of columns bounds what has to be put in order."""
    n_groups = table.shape[1] // GROUP
    maxima = table[:, : n_groups * GROUP].reshape(len(table), n_groups, GROUP).max(axis=2)
    bound = np.partition(maxima, n_groups - k, axis=1)[:, n_groups - k]
    row, column = np.nonzero(table >= bound[:, None])
    order = np.lexsort((column, -table[row, column], row))
    first = np.searchsorted(row, np.arange(len(table)))
    chosen: Int64s = column[order][first[:, None] + np.arange(k)]
    return chosen


def mutual_best(forth: Int64s, back: Int64s) -> Flags:
    """`[n]`: whether the nearest row's own nearest row is this one again.

    Args:
        forth: `[n]` index of each row's nearest row in the other decoder, -1 for none.
        back: `[m]` the other way.
    """
    found = forth >= 0
    return np.where(found, back[np.where(found, forth, 0)] == np.arange(len(forth)), False)


def cosines_of_pairs(narrow: Float32s, reference: Float32s, pairs_narrow: Int64s, pairs_reference: Int64s) -> Float32s:
    """`[n_pairs]` cosines of given pairs of rows."""
    result = np.empty(len(pairs_narrow), dtype=np.float32)
    step = max(1, PAIR_VALUES // narrow.shape[1])
    for start in range(0, len(result), step):
        part = slice(start, start + step)
        result[part] = np.einsum("ij,ij->i", narrow[pairs_narrow[part]], reference[pairs_reference[part]])
    return np.clip(result, -1, 1)

"""Narrow latents' firings and rows in the plane of their main partner's row and their largest mixed-in partner's."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp

from app.arrays import Float32s, Float64s, Int64s
from app.records import BySide
from app.stats.input_sample import Sample

PER_CELL = 24
"""Tokens of each cell at most."""

MOST_POINTS = 160

LATENTS_AT_ONCE = 64
"""Their planes' products with all rows are made at once: 16,384 × 128 float32 numbers are 8 MB."""

NARROWEST = 1e-3
"""Length of the second axis before it is scaled, at least: below it the two partners' rows are one."""


@dataclass(frozen=True)
class FoundPlane:
    """One latent's plane; see `app.records.Plane`.

    Attributes:
        token: `[n]` places in the sample of its points; place: `[n, 2]` x and y; cell: `[n]`.
        row, corrected, mixed_in: `[2]`; spread: `[3]` variances of x and y, and covariance.
    """

    token: Int64s
    place: Float64s
    cell: Int64s
    row: Float64s
    corrected: Float64s
    mixed_in: Float64s
    spread: Float64s


def planes(
    sample: Sample, decoders: BySide[Float32s], corrected: Float32s, partners: Int64s
) -> Iterator[FoundPlane | None]:
    """The plane of each narrow latent in turn; None without two partners or without a firing in the sample.

    A point is the input less what the SAE's other latents put in, and less what its reconstruction is off by on
    average: so its biases drop out.

    Args:
        decoders: unit rows; corrected: `[L, d]` narrow rows without what is mixed in.
        partners: `[L, k]` main partner, then the mixed-in ones; -1 for none.
    """
    finder = _PlaneFinder(sample, decoders, corrected, partners)
    for start in range(0, len(partners), LATENTS_AT_ONCE):
        yield from finder.find(range(start, min(start + LATENTS_AT_ONCE, len(partners))))


class _PlaneFinder:
    def __init__(self, sample: Sample, decoders: BySide[Float32s], corrected: Float32s, partners: Int64s) -> None:
        self._sample, self._decoders, self._corrected, self._partners = sample, decoders, corrected, partners
        mean = sample.inputs.mean(axis=0, dtype=np.float64) if len(sample) else np.zeros(decoders.narrow.shape[1])
        acts = np.asarray(sample.narrow.sum(axis=0)).ravel() / max(len(sample), 1)
        self._mean_error: Float64s = mean - acts @ decoders.narrow

    def find(self, latents: range) -> Iterator[FoundPlane | None]:
        axes = [_axes(self._decoders.reference, self._partners[i]) for i in latents]
        known = [each for each in axes if each is not None]
        # [n_narrow, 2 a plane]
        empty = np.empty((0, self._decoders.narrow.shape[1]), dtype=np.float32)
        along: Float32s = self._decoders.narrow @ np.concatenate([empty, *known]).T
        place = 0
        for i, each in zip(latents, axes, strict=True):
            if each is None:
                yield None
                continue
            yield self._plane(i, each, along[:, place : place + 2])
            place += 2

    def _plane(self, i: int, axes: Float32s, along: Float32s) -> FoundPlane | None:
        """Args: axes: `[2, d]`; along: `[n_narrow, 2]` of all narrow rows."""
        column = slice(self._sample.narrow.indptr[i], self._sample.narrow.indptr[i + 1])
        token = self._sample.narrow.indices[column].astype(np.int64)
        if not len(token):
            return None
        cells = self._cells(token, self._partners[i])
        chosen = _some_of_each(cells)
        token, own = token[chosen], self._sample.narrow.data[column][chosen]
        written = self._sample.narrow_rows[token] @ along - own[:, None] * along[i]
        others = np.delete(along.astype(np.float64), i, axis=0)
        products = others.T @ others / max(len(others), 1)
        return FoundPlane(
            token=token,
            place=(self._sample.inputs[token] - self._mean_error) @ axes.T - written,
            cell=cells[chosen],
            row=along[i].astype(np.float64),
            corrected=axes.astype(np.float64) @ self._corrected[i],
            mixed_in=axes.astype(np.float64) @ self._decoders.reference[self._partners[i, 1]],
            spread=products[[0, 1, 0], [0, 1, 1]],
        )

    def _cells(self, token: Int64s, partners: Int64s) -> Int64s:
        """`[n]` which partners fire on some tokens: bit k for partner k."""
        cells = np.zeros(len(token), dtype=np.int64)
        for k, j in enumerate(partners.tolist()):
            if j >= 0:
                fires = np.zeros(len(self._sample), dtype=np.bool_)
                fires[_tokens(self._sample.reference, j)] = True
                cells |= fires[token].astype(np.int64) << k
        return cells


def _axes(reference: Float32s, partners: Int64s) -> Float32s | None:
    """`[2, d]` orthonormal: the main partner's row, and the mixed-in one's at right angles to it."""
    if partners[0] < 0 or partners[1] < 0:
        return None
    own, mixed = reference[partners[0]].astype(np.float64), reference[partners[1]].astype(np.float64)
    rest = mixed - (mixed @ own) * own
    length = np.linalg.norm(rest)
    return np.stack([own, rest / length]).astype(np.float32) if length > NARROWEST else None


def _tokens(acts: sp.csc_array, latent: int) -> Int64s:
    return np.asarray(acts.indices[acts.indptr[latent] : acts.indptr[latent + 1]], dtype=np.int64)


def _some_of_each(cells: Int64s) -> Int64s:
    """Places of up to `PER_CELL` entries of each cell, evenly over all of them; `MOST_POINTS` in all."""
    chosen = []
    for cell in np.unique(cells):
        places = np.flatnonzero(cells == cell)
        few = min(len(places), PER_CELL)
        chosen.append(places[np.arange(few) * len(places) // few])
    kept = np.sort(np.concatenate(chosen))
    few = min(len(kept), MOST_POINTS)
    return kept[np.arange(few) * len(kept) // few]

"""From results to the record of how each narrow latent fires with its partners."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from app.arrays import Float64s, Int64s
from app.pipeline.results import Results
from app.pipeline.show.cells import CellTable
from app.pipeline.show.rounding import four_digits
from app.records import CorrectedRow, FiringCells, LogitWeights, Neighbour, Plane, PlanePoint
from app.scores.cosines import Nearest, nearest
from app.scores.geometry import N_NEIGHBOURS
from app.scores.planes import FoundPlane, planes
from app.stats.cells import CELL_EDGES
from app.stats.input_sample import Sample

TokensOf = Callable[[int], tuple[str, ...]]
"""Row of the text -> its tokens."""


def firing_cells(results: Results, table: CellTable) -> Iterator[FiringCells]:
    """Of each narrow latent in turn."""
    weights, sample = results.weights, results.statistics.sample
    decoders = weights.map(lambda side: side.decoder)
    counts = table.counts
    near = nearest(results.corrected, decoders.reference, results.scored.geometry.reference.matchable, N_NEIGHBOURS)
    found = planes(sample, decoders, results.corrected, counts.partners)
    for i, (plane, logits) in enumerate(zip(found, results.text.corrected_logits, strict=True)):
        n_partners = int((counts.partners[i] >= 0).sum())
        edges, histogram = trimmed(counts.counts[i, : 1 << n_partners])
        yield FiringCells(
            narrow_index=i,
            partners=tuple(counts.partners[i, :n_partners].tolist()),
            edges=edges,
            histogram=histogram,
            contexts=table.contexts(i),
            near_misses=table.near_misses(i, n_partners),
            shown_partners=table.shown_partners(i, n_partners),
            plane=None if plane is None else plane_record(plane, sample, results.text.tokens_of),
            corrected=_corrected(results.corrected[i] @ decoders.narrow[i], i, near, logits),
        )


def trimmed(counts: Int64s) -> tuple[tuple[float, ...], tuple[tuple[int, ...], ...]]:
    """(edges, counts of each cell) without the bins at both ends that are empty in all cells.

    Args:
        counts: `[n_cells, N_CELL_BINS]`.
    """
    filled = np.flatnonzero(counts.any(axis=0))
    if not len(filled):
        return (), ((),) * len(counts)
    bins = slice(int(filled[0]), int(filled[-1]) + 1)
    cells = tuple(tuple(cell[bins].tolist()) if cell.any() else () for cell in counts)
    return tuple(CELL_EDGES[bins.start : bins.stop + 1].tolist()), cells


def plane_record(plane: FoundPlane, sample: Sample, tokens_of: TokensOf) -> Plane:
    """A plane with its points' tokens, in four digits."""
    rows, positions = sample.row[plane.token].tolist(), sample.position[plane.token].tolist()
    points = zip(_rounded(plane.place), plane.cell.tolist(), rows, positions, strict=True)
    return Plane(
        row=_pair(plane.row),
        corrected=_pair(plane.corrected),
        mixed_in=_pair(plane.mixed_in),
        spread=tuple(_rounded(plane.spread)),
        points=tuple(PlanePoint(x, y, cell, tokens_of(row)[at]) for (x, y), cell, row, at in points),
    )


def _corrected(cosine: np.floating, i: int, near: Nearest, logits: LogitWeights | None) -> CorrectedRow | None:
    """None for a row of which nothing was taken out: its corrected row is zero."""
    if not cosine:
        return None
    found = zip(near.index[i].tolist(), near.cosine[i].tolist(), strict=True)
    return CorrectedRow(float(cosine), tuple(Neighbour(j, c) for j, c in found if j >= 0), logits)


def _pair(values: Float64s) -> tuple[float, float]:
    x, y = _rounded(values)
    return x, y


def _rounded(values: Float64s) -> list[Any]:
    """Values in four significant digits."""
    rounded: list[Any] = (np.sign(values) * four_digits(np.abs(values))).tolist()
    return rounded

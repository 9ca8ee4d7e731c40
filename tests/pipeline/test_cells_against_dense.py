"""Firings by partner, and the planes, equal the dense computation."""

from __future__ import annotations

import numpy as np
import pytest

from app.records import CellContext, FiringCells
from app.stats.cells import CELL_EDGES, N_CONTEXTS, N_NEAR_MISSES
from app.store import read
from app.store.firing_cells import get_cells
from tests.pipeline.dense_cases import Case, rich_only
from tests.pipeline.dense_sae import Spot

pytestmark = pytest.mark.slow


def cells_of(case: Case) -> list[FiringCells]:
    found = [get_cells(case.engine, case.summary.slug, i) for i in range(case.summary.narrow.sae.d_sae)]
    return [each for each in found if each is not None]


def cell_at(case: Case, cells: FiringCells, token: int) -> int:
    return sum(1 << k for k, j in enumerate(cells.partners) if case.dense.reference.fires[token, j])


def strongest(spots: list[Spot], k: int) -> list[tuple[int, int]]:
    """(row, position) of the strongest token of each row, the k strongest rows."""
    rows: dict[int, tuple[float, int]] = {}
    for row, position, value in spots:
        rows[row] = min(rows.get(row, (-value, position)), (-value, position))
    order = sorted((weakness, row, position) for row, (weakness, position) in rows.items())
    return [(row, position) for _, row, position in order[:k]]


def test_partners_are_the_main_one_and_the_largest_masses(case: Case) -> None:
    found = cells_of(case)
    assert len(found) == case.summary.narrow.sae.d_sae
    for cells in found:
        partners = read.partners_of_narrow(case.engine, case.summary.slug, cells.narrow_index)
        latent = read.get_latent(case.engine, case.summary.slug, "narrow", cells.narrow_index)
        if latent.main_partner is None:
            assert cells.partners == ()
            continue
        named = [p for p in partners if p.mixed_mass is not None and p.index != latent.main_partner]
        mixed = sorted(named, key=lambda p: -(p.mixed_mass or 0))[:3]
        assert cells.partners == (latent.main_partner, *(p.index for p in mixed))


def test_histograms(case: Case) -> None:
    for cells in cells_of(case):
        acts = case.dense.narrow.acts[:, cells.narrow_index]
        expected = np.zeros((1 << len(cells.partners), len(CELL_EDGES) - 1), dtype=np.int64)
        for token in np.flatnonzero(acts > 0).tolist():
            bin_ = sum(edge <= acts[token] for edge in CELL_EDGES[1:-1].tolist())
            expected[cell_at(case, cells, token), bin_] += 1
        filled = np.flatnonzero(expected.any(axis=0))
        assert cells.counts == tuple(expected.sum(axis=1).tolist())
        if len(filled):
            first, last = filled[0], filled[-1] + 1
            assert cells.edges == pytest.approx(CELL_EDGES[first : last + 1])
            shown = [list(each) or [0] * (last - first) for each in cells.histogram]
            assert shown == expected[:, first:last].tolist()


def test_contexts(case: Case) -> None:
    own, reference = case.dense.narrow, case.dense.reference
    for cells in cells_of(case):
        i = cells.narrow_index
        spots = [spot for row in own.by_row(i) for spot in row]
        by_cell: dict[int, list[Spot]] = {}
        for spot in spots:
            by_cell.setdefault(cell_at(case, cells, token_of(case, *spot[:2])), []).append(spot)
        expected = [(cell, *place) for cell in sorted(by_cell) for place in strongest(by_cell[cell], N_CONTEXTS)]
        assert [(each.cell, each.row, each.position) for each in cells.contexts] == expected
        for k, j in enumerate(cells.partners):
            alone = [s for row in reference.by_row(j) for s in row if not own.fires[token_of(case, *s[:2]), i]]
            found = [(each.row, each.position) for each in cells.near_misses[k]]
            assert found == strongest(alone, N_NEAR_MISSES)
        for context in (*cells.contexts, *(each for misses in cells.near_misses for each in misses)):
            check_activations(case, cells, context)


def token_of(case: Case, row: int, position: int) -> int:
    return row * case.dense.narrow.row + position - case.dense.narrow.first


def check_activations(case: Case, cells: FiringCells, context: CellContext) -> None:
    own = case.dense.narrow
    start, stop = own.window(context.position, context.row)
    assert (context.start, context.start + len(context.activations)) == (start, stop)
    expected = own.stretch(cells.narrow_index, context.row, start, stop)
    assert context.activations == pytest.approx(expected, rel=1e-3)
    for j, shown in zip(cells.partners, context.partners, strict=True):
        values = case.dense.reference.stretch(j, context.row, start, stop)
        assert list(shown) == (pytest.approx(values, rel=1e-3) if any(values) else [])


def test_partners_of_the_contexts_that_are_shown_anyway(case: Case) -> None:
    for cells in cells_of(case):
        contexts = read.get_detail(case.engine, case.summary.slug, "narrow", cells.narrow_index).contexts
        assert len(cells.shown_partners) == len(contexts)
        for context, partners in zip(contexts, cells.shown_partners, strict=True):
            stop = context.start + len(context.activations)
            for j, shown in zip(cells.partners[1:], partners, strict=True):
                values = case.dense.reference.stretch(j, context.row, context.start, stop)
                assert list(shown) == (pytest.approx(values, rel=1e-3) if any(values) else [])


@rich_only
def test_planes(case: Case) -> None:
    dense, seen = case.dense, 0
    error = dense.inputs - dense.narrow.acts @ dense.narrow.unit
    for cells in cells_of(case):
        i = cells.narrow_index
        if cells.plane is None:
            assert len(cells.partners) < 2 or not dense.narrow.n[i]
            continue
        seen += 1
        axes = plane_axes(case, cells)
        assert cells.plane.row == pytest.approx(axes @ dense.narrow.unit[i], abs=1e-3)
        others = np.delete(dense.narrow.unit, i, axis=0) @ axes.T
        spread = (others[:, 0] @ others[:, 0], others[:, 1] @ others[:, 1], others[:, 0] @ others[:, 1])
        assert cells.plane.spread == pytest.approx(np.array(spread) / len(others), abs=1e-3)
        tokens = np.flatnonzero(dense.narrow.fires[:, i])
        own = np.outer(dense.narrow.acts[tokens, i], dense.narrow.unit[i])
        places = (error[tokens] - error.mean(axis=0) + own) @ axes.T
        of_cell = np.array([cell_at(case, cells, token) for token in tokens.tolist()])
        for point in cells.plane.points:
            # Inputs are kept in eleven bits.
            near = np.abs(places[of_cell == point.cell] - [point.x, point.y]).max(axis=1).min()
            assert near < 0.02 * (1 + np.abs(places).max())
    assert seen > 3


def plane_axes(case: Case, cells: FiringCells) -> np.ndarray:
    own, mixed = case.dense.reference.unit[cells.partners[0]], case.dense.reference.unit[cells.partners[1]]
    rest = mixed - (mixed @ own) * own
    return np.stack([own, rest / np.linalg.norm(rest)])


@rich_only
def test_corrected_rows_are_the_rows_without_their_named_partners(case: Case) -> None:
    seen = 0
    for cells in cells_of(case):
        partners = read.partners_of_narrow(case.engine, case.summary.slug, cells.narrow_index)
        named = [p.index for p in partners if p.mixed_mass is not None and p.rank > 0]
        if not named:
            assert cells.corrected is None
            continue
        row, main = case.dense.narrow.unit[cells.narrow_index], partners[0].index
        basis = case.dense.reference.unit[[*named, main]]
        beta = np.linalg.lstsq(basis.T, row, rcond=1e-3)[0]
        left = row - beta[:-1] @ basis[:-1]
        assert cells.corrected is not None
        assert cells.corrected.decoder_cosine == pytest.approx(left @ row / np.linalg.norm(left), abs=1e-3)
        seen += 1
    assert seen > 3

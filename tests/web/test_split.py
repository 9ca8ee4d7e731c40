"""Cells of a latent with hand-made firings: counts and contexts of each, from either side."""

from __future__ import annotations

import pytest

from app.errors import QueryError
from app.records import CellContext, FiringCells, LatentScores, Plane, PlanePoint
from app.web.shared.figures.firing_cells import split_histogram
from app.web.shared.figures.plane import CHI_SQUARED, chance_ellipse, plane_plot
from app.web.shared.figures.svg import chart_svg
from app.web.shared.split import CELLS, Split

OWN, MAIN, FIRST, SECOND = 7, 40, 50, 60

HISTOGRAM = ((1, 2), (4, 0), (), (8, 0), (0, 16), (), (), (0, 32))
"""By cell: neither; main; first; main and first; second; main and second; first and second; all."""

FIRES = {MAIN: 100, FIRST: 90, SECOND: 80}


def latent(sae: str, index: int, n_firings: int) -> LatentScores:
    return LatentScores(sae, index, 0, f"label {index}", n_firings, 0.1, max_activation=9.0)  # type: ignore[arg-type]


def context(cell: int, row: int, own: float, *partners: float) -> CellContext:
    """One token, at position 5."""
    return CellContext(cell, row, 5, 5, (own,), tuple((value,) if value else () for value in partners))


CONTEXTS = (
    context(0, 1, 3.0, 0, 0, 0),
    context(1, 2, 5.0, 1.0, 0, 0),
    context(3, 3, 4.0, 2.0, 2.0, 0),
    context(4, 4, 2.0, 0, 0, 6.0),
    context(7, 5, 9.0, 3.0, 1.0, 1.0),
)
NEAR_MISSES = ((context(1, 6, 0.0, 8.0, 0, 0), context(1, 7, 0.0, 7.0, 0, 0)), (context(2, 8, 0.0, 0, 5.0, 0),), ())

CELLS_OF = FiringCells(OWN, (MAIN, FIRST, SECOND), (1.0, 2.0, 4.0), HISTOGRAM, CONTEXTS, NEAR_MISSES, (), None, None)


@pytest.fixture
def narrow() -> Split:
    others = {j: latent("reference", j, n) for j, n in FIRES.items()}
    return Split(latent("narrow", OWN, 63), (MAIN, FIRST, SECOND), others, CELLS_OF)


@pytest.fixture
def reference() -> Split:
    """The same seen from the first mixed-in partner."""
    own = latent("reference", FIRST, FIRES[FIRST])
    return Split(own, (OWN,), {OWN: latent("narrow", OWN, 63)}, CELLS_OF, slot=1)


@pytest.mark.parametrize(
    ("cell", "partner", "count", "rows"),
    [
        ("both", None, 44, [5, 2, 3]),
        ("both", FIRST, 40, [5, 3]),
        ("both", SECOND, 48, [5, 4]),
        ("without_main", None, 19, [1, 4]),
        ("without_main", FIRST, 23, [2, 1, 4]),
        ("mixed_in_without_main", None, 16, [4]),
        ("mixed_in_without_main", FIRST, 0, []),
        ("mixed_in_without_main", SECOND, 16, [4]),
        ("partner_without_this", None, 56, [6, 7]),
        ("partner_without_this", FIRST, 50, [8]),
        ("partner_without_this", SECOND, 32, []),
    ],
)
def test_a_narrow_latent(narrow: Split, cell: str, partner: int | None, count: int, rows: list[int]) -> None:
    chosen = narrow.check(cell, partner)  # type: ignore[arg-type]
    assert narrow.count(cell, chosen) == count  # type: ignore[arg-type]
    assert [each.row for each in narrow.contexts(cell, chosen)] == rows  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("cell", "count", "rows"),
    [("both", 40, [3, 5]), ("without_main", 50, [8]), ("partner_without_this", 23, [2, 1, 4])],
)
def test_a_reference_latent(reference: Split, cell: str, count: int, rows: list[int]) -> None:
    chosen = reference.check(cell, None)  # type: ignore[arg-type]
    assert chosen == OWN
    assert reference.count(cell, chosen) == count  # type: ignore[arg-type]
    found = reference.contexts(cell, chosen)  # type: ignore[arg-type]
    assert [each.row for each in found] == rows
    assert all(len(each.activations) == 1 for each in found)


def test_what_is_not_there_is_refused(narrow: Split, reference: Split) -> None:
    assert (narrow.available, reference.available) == (CELLS, ("both", "without_main", "partner_without_this"))
    with pytest.raises(QueryError, match="partner is 41; expected 40, 50, 60"):
        narrow.check("both", 41)
    with pytest.raises(QueryError, match="partner is 40; expected 50, 60"):
        narrow.check("mixed_in_without_main", MAIN)
    with pytest.raises(QueryError, match="this latent has both, without_main, partner_without_this"):
        reference.check("mixed_in_without_main", None)


def test_the_histogram_is_stacked_by_part() -> None:
    plot = split_histogram(CELLS_OF)
    assert [series.name for series in plot.chart.series] == [
        "main partner only",
        "main and mixed-in",
        "mixed-in only",
        "neither",
    ]
    assert plot.table.rows == (("1.000–2.000", "4", "8", "0", "1"), ("2.000–4.000", "0", "32", "16", "2"))
    tops = {series.name: [mark.y1 for mark in series.marks] for series in plot.chart.series}
    assert tops == {
        "main partner only": [4],
        "main and mixed-in": [12, 32],
        "mixed-in only": [48],
        "neither": [13, 50],
    }


def test_the_ellipse_has_the_spread_of_the_rows() -> None:
    xx, yy, xy = 0.04, 0.01, 0.012
    det = xx * yy - xy * xy
    for x, y in chance_ellipse((xx, yy, xy)):
        assert (yy * x * x - 2 * xy * x * y + xx * y * y) / det == pytest.approx(CHI_SQUARED)
    assert set(chance_ellipse((0.0, 0.0, 0.0))) == {(0.0, 0.0)}


HOSTILE = "<script>\u202e\x00" + "x" * 10_000


def test_hostile_tokens_are_escaped_and_cut_in_the_plane() -> None:
    points = tuple(PlanePoint(1.0 + cell, 2.0, cell, HOSTILE) for cell in range(8))
    plane = Plane((0.8, 0.4), (0.9, 0.0), (0.1, 0.99), (0.01, 0.02, 0.001), points)
    plot = plane_plot(CELLS_OF, plane)
    drawn = str(chart_svg(plot))
    assert len(drawn) < 20_000
    assert "<script" not in drawn
    assert "\u202e" not in drawn
    assert max(len(text) for row in plot.table.rows for text in row) <= 40
    assert {series.name for series in plot.chart.series} >= {"decoder row", "corrected row", "chance, 95 %", "neither"}

"""The figure of several comparisons: one number of each against another."""

from __future__ import annotations

from collections.abc import Sequence

from app.web.shared import formatting as show
from app.web.shared.comparison_numbers import NUMBERS, ComparisonRow
from app.web.shared.figures.chart import Axis, Chart, Mark, Series, fitted_axis, log_axis, point
from app.web.shared.figures.plot import DataTable, Plot
from app.web.shared.figures.style import shortened

MOST_NAMES = 24
"""Comparisons up to which each point has its name."""


def comparisons_plot(rows: Sequence[ComparisonRow], x: str, y: str) -> Plot:
    """One point for each comparison that has both numbers.

    Args:
        x, y: names in `NUMBERS`.
    """
    both = [
        (row, across, up)
        for row in rows
        if (across := NUMBERS[x].of(row)) is not None and (up := NUMBERS[y].of(row)) is not None
    ]
    missing = (
        f" {show.number(len(rows) - len(both))} not shown: no value on these axes." if len(both) < len(rows) else ""
    )
    points = tuple(_point(*each) for each in both)
    return Plot(
        name="comparisons-plot",
        title=f"{NUMBERS[y].title} and {NUMBERS[x].title[:1].lower()}{NUMBERS[x].title[1:]}",
        description=f"One point for each of {show.number(len(both))} comparisons.{missing}",
        chart=Chart(
            _axis(x, [mark.x0 for mark in points]),
            _axis(y, [mark.y0 for mark in points]),
            (Series("", "narrow", "circle", points), *_names(both)),
            height=280,
        ),
        table=DataTable(
            ("Comparison", NUMBERS[x].title, NUMBERS[y].title),
            tuple((row.summary.name, show.number(across), show.number(up)) for row, across, up in both),
        ),
    )


def _names(both: Sequence[tuple[ComparisonRow, float, float]]) -> tuple[Series, ...]:
    """Of the comparisons, where there are few enough to read them."""
    if len(both) > MOST_NAMES:
        return ()
    return (Series("", "plain", "name", tuple(point(x, y, shortened(row.summary.name, 24)) for row, x, y in both)),)


def _point(row: ComparisonRow, x: float, y: float) -> Mark:
    return point(x, y, f"{row.summary.name} {row.summary.content_hash[:8]}: {show.number(x)}, {show.number(y)}")


def _axis(name: str, values: Sequence[float]) -> Axis:
    """Over the values, with some room."""
    number = NUMBERS[name]
    positive = [value for value in values if value > 0]
    if number.log and positive:
        return log_axis(number.title, 0.8 * min(positive), 1.25 * max(positive))
    return fitted_axis(number.title, values, room=0.1)

"""The figure of two comparisons: the hedging score of each latent in both."""

from __future__ import annotations

from collections.abc import Sequence

from app.records import ComparisonSummary
from app.web.shared import formatting as show
from app.web.shared.diff import LatentDifference
from app.web.shared.figures.chart import Chart, Mark, Series, chance_line, linear_axis, point
from app.web.shared.figures.plot import DataTable, Plot
from app.web.shared.figures.style import shortened

MOST_POINTS = 4000
"""Points that are drawn, twelve bytes each; of more latents every second, third, … one by index."""

ROWS = 20
"""Latents in the table under the plot; the page's own table has more."""


def diff_plot(a: ComparisonSummary, b: ComparisonSummary, items: Sequence[LatentDifference]) -> Plot:
    """One point for each latent that is scored in both comparisons, with the line of equal scores."""
    both = [item for item in items if item.difference is not None]
    step = -(-len(both) // MOST_POINTS) or 1
    drawn = sorted(both, key=lambda item: item.index)[::step]
    every = "" if step == 1 else f" Every {step}th latent by index is drawn, {show.number(len(drawn))} in all."
    axes = (linear_axis(f"Hedging score in {a.name}", 0, 1), linear_axis(f"Hedging score in {b.name}", 0, 1))
    return Plot(
        name="diff-scores",
        title="Hedging scores in both",
        description=f"One point for each of the {show.number(len(both))} latents scored in both.{every}",
        chart=Chart(
            *axes,
            (
                Series("", "narrow", "circle", tuple(map(_point, drawn))),
                Series("same score", "plain", "line", (Mark(0, 0, 1, 1, "same score"),)),
                *_chance(a, b),
            ),
            height=360,
        ),
        table=_table(a, b, both[:ROWS]),
    )


def _chance(a: ComparisonSummary, b: ComparisonSummary) -> tuple[Series, ...]:
    """The chance levels of both, one entry in the legend."""
    lines = (
        *chance_line(a.chance_level, 0, 1, along="x"),
        *chance_line(b.chance_level, 0, 1, along="y"),
    )
    marks = tuple(mark for series in lines for mark in series.marks)
    return (Series("chance level", "muted", "line", marks),) if marks else ()


def _point(item: LatentDifference) -> Mark:
    a, b = item.a.hedging_score or 0.0, item.b.hedging_score or 0.0
    return point(a, b, f"{item.index} {shortened(item.label)}: {show.number(a)}, then {show.number(b)}")


def _table(a: ComparisonSummary, b: ComparisonSummary, items: Sequence[LatentDifference]) -> DataTable:
    rows = (
        (str(item.index), show.number(item.a.hedging_score), show.number(item.b.hedging_score), change(item.difference))
        for item in items
    )
    return DataTable(("Latent", a.name, b.name, "Difference"), tuple(rows))


def change(difference: float | None) -> str:
    """A difference with its sign."""
    return show.number(difference) if difference is None or difference <= 0 else f"+{show.number(difference)}"

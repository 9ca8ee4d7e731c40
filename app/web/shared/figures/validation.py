"""The figures of the checks: a row for each score or case, a mark for each plotted column."""

from __future__ import annotations

from app.records import CheckTable
from app.records.validation import Cell
from app.web.shared import formatting as show
from app.web.shared.figures.chart import Axis, Chart, Mark, Series, Tone, linear_axis, names_axis
from app.web.shared.figures.plot import DataTable, Plot

ROW_PX = 34
BARS = -0.02, -0.4
"""Upper edge of a row's first bar and lower edge of its last, below the row's name."""

OWN = "hedging score"

TONES: tuple[Tone, ...] = ("narrow", "reference", "third")


def check_plot(name: str, table: CheckTable) -> Plot:
    """Bars of the plotted columns of a table, which must have some.

    Args:
        name: unique on the page.
    """
    rows = [row for row in table.rows if _numbers(table, row)]
    several = len(table.plotted) > 1
    series = tuple(
        Series(column, TONES[place % len(TONES)], "bar", _bars(table, rows, place))
        for place, column in enumerate(table.plotted)
    )
    if not several:
        series = _one_column(table, rows)
    names = [str(row[0]) for row in rows]
    return Plot(
        name=name,
        title=table.title,
        description=table.note,
        chart=Chart(
            _axis("" if several else table.plotted[0], [value for row in rows for value in _numbers(table, row)]),
            names_axis("", names[::-1], inside=True),
            series,
            height=ROW_PX * max(len(rows), 1),
        ),
        table=as_texts(table),
    )


def as_texts(table: CheckTable) -> DataTable:
    """A table with its cells as text."""
    return DataTable(table.head, tuple(tuple(map(cell_text, row)) for row in table.rows))


def cell_text(cell: Cell) -> str:
    """A cell for people: fractions to three decimals."""
    if isinstance(cell, float):
        text = f"{abs(cell):.3f}"
        return show.MINUS + text if cell < 0 and float(text) else text
    return show.UNDEFINED if cell is None else show.number(cell) if isinstance(cell, int) else cell


def _numbers(table: CheckTable, row: tuple[Cell, ...]) -> list[float]:
    """Those of the plotted columns that are defined."""
    cells = [row[table.head.index(column)] for column in table.plotted]
    return [float(cell) for cell in cells if isinstance(cell, int | float)]


def _axis(title: str, values: list[float]) -> Axis:
    """From 0, or below it, to 1 where values are shares or ranks."""
    return linear_axis(title, min([0.0, *values]), max([1.0, *values]))


def _one_column(table: CheckTable, rows: list[tuple[Cell, ...]]) -> tuple[Series, ...]:
    """The hedging score in its own colour, if it is among the rows; everything else in another."""
    marks = _bars(table, rows, 0)
    names = [row[0] for row in reversed(rows) if _numbers(table, row)]
    of_own = tuple(mark for mark, name in zip(marks, names, strict=True) if name == OWN)
    others = tuple(mark for mark, name in zip(marks, names, strict=True) if name != OWN)
    return (Series("", "narrow", "bar", of_own), Series("", "muted" if of_own else "narrow", "bar", others))


def _bars(table: CheckTable, rows: list[tuple[Cell, ...]], place: int) -> tuple[Mark, ...]:
    column = table.plotted[place]
    height = (BARS[0] - BARS[1]) / len(table.plotted)
    top = BARS[0] - place * height
    found = []
    for k, row in enumerate(reversed(rows)):
        value = row[table.head.index(column)]
        if isinstance(value, int | float):
            text = f"{row[0]}, {column}: {cell_text(value)}"
            found.append(Mark(0, k + top, float(value), k + top - height, text))
    return tuple(found)

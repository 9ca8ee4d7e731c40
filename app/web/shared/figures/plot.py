"""A plot as pages show it."""

from __future__ import annotations

from dataclasses import dataclass

from app.web.shared.figures.chart import Chart


@dataclass(frozen=True)
class DataTable:
    """The numbers behind a plot, already as text."""

    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class Plot:
    """A plot and the table of what it draws.

    Attributes:
        name: unique on its page; the element's id.
        title: above the plot.
        description: what it shows, for those who can't see it.
    """

    name: str
    title: str
    description: str
    chart: Chart
    table: DataTable

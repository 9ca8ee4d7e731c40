"""The figure of a latent's activations, split by which of its partners fire."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

from app.records import FiringCells
from app.web.shared import formatting as show
from app.web.shared.figures.chart import Chart, Mark, Series, Tone, counts_axis, log_axis
from app.web.shared.figures.plot import DataTable, Plot
from app.web.shared.figures.style import span


class Part(NamedTuple):
    """A part of the firings: its name, colour, and whether the main partner and a mixed-in one fire."""

    name: str
    tone: Tone
    main: bool
    mixed_in: bool

    def has(self, cell: int) -> bool:
        """Whether a cell belongs to it."""
        return (bool(cell & 1), cell > 1) == (self.main, self.mixed_in)


PARTS = (
    Part("main partner only", "main", True, False),
    Part("main and mixed-in", "together", True, True),
    Part("mixed-in only", "hedged", False, True),
    Part("neither", "muted", False, False),
)
"""In the order in which they are stacked, from below."""


def split_histogram(cells: FiringCells) -> Plot:
    """Tokens by activation, stacked by which partners fire."""
    parts = [part for part in PARTS if any(part.has(cell) and n for cell, n in enumerate(cells.counts))]
    bins = {part: _bins(cells, part) for part in parts}
    total = [sum(column) for column in zip(*bins.values(), strict=True)]
    return Plot(
        name="firings-by-partner",
        title="Which feature makes it fire",
        description="Tokens on which the latent fires, by its activation and by which partners fire there. A hill of "
        "its own for the mixed-in partners means that the latent fires for them alone.",
        chart=Chart(
            log_axis("Activation", cells.edges[0], cells.edges[-1]),
            counts_axis("Tokens", max(total, default=0)),
            _stacked(cells.edges, bins),
            height=240,
        ),
        table=DataTable(
            ("Activation", *(part.name.capitalize() for part in parts)),
            tuple(
                (span(edges), *(show.number(column) for column in row))
                for edges, *row in zip(pairwise(cells.edges), *bins.values(), strict=True)
            ),
        ),
    )


def _bins(cells: FiringCells, part: Part) -> list[int]:
    total = [0] * (len(cells.edges) - 1)
    for cell, counts in enumerate(cells.histogram):
        if part.has(cell) and counts:
            total = [a + b for a, b in zip(total, counts, strict=True)]
    return total


def _stacked(edges: Sequence[float], bins: dict[Part, list[int]]) -> tuple[Series, ...]:
    below = [0] * (len(edges) - 1)
    found = []
    for part, counts in bins.items():
        marks = tuple(
            Mark(low, base, high, base + n, f"{span((low, high))}: {show.number(n)} tokens, {part.name}")
            for (low, high), base, n in zip(pairwise(edges), below, counts, strict=True)
            if n
        )
        found.append(Series(part.name, part.tone, "bar", marks))
        below = [a + b for a, b in zip(below, counts, strict=True)]
    return tuple(found)

"""The figure of the activations of a pair of latents."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from app.records import PairDetail
from app.web.shared import formatting as show
from app.web.shared.figures.chart import Chart, Mark, Series, log_axis
from app.web.shared.figures.plot import DataTable, Plot
from app.web.shared.figures.style import span

FAINTEST = 0.12
"""Strength of a cell with hardly any tokens: it must not look empty."""

Edges = tuple[float, float]


def joint_histogram(detail: PairDetail) -> Plot:
    """Tokens on which both latents fire, by both activations."""
    cells = list(_cells(detail))
    largest = max((n for _, _, n in cells), default=0)
    return Plot(
        name="joint-histogram",
        title="Activations where both fire",
        description="Tokens on which both latents fire, by the activation of each; the more tokens, the stronger the "
        f"colour, up to {show.number(largest)}.",
        chart=Chart(
            log_axis(f"Narrow {detail.narrow_index}", detail.narrow_edges[0], detail.narrow_edges[-1]),
            log_axis(f"Reference {detail.reference_index}", detail.reference_edges[0], detail.reference_edges[-1]),
            (Series("", "reference", "cell", tuple(_mark(*cell, largest) for cell in cells)),),
            height=320,
        ),
        table=DataTable(
            ("Narrow activation", "Reference activation", "Tokens"),
            tuple((span(narrow), span(reference), show.number(n)) for narrow, reference, n in cells),
        ),
    )


def _cells(detail: PairDetail) -> Iterator[tuple[Edges, Edges, int]]:
    """The bins that hold tokens: their edges on both axes, and how many."""
    for narrow, row in zip(pairwise(detail.narrow_edges), detail.joint_counts, strict=True):
        for reference, n in zip(pairwise(detail.reference_edges), row, strict=True):
            if n:
                yield narrow, reference, n


def _mark(narrow: Edges, reference: Edges, n: int, largest: int) -> Mark:
    strength = FAINTEST + (1 - FAINTEST) * n / largest
    return Mark(narrow[0], reference[0], narrow[1], reference[1], f"{show.number(n)} tokens", strength)

"""The figure of the activations of a pair of latents."""

from __future__ import annotations

import math
from itertools import pairwise

from app.records import (
    PairDetail,
)
from app.web.shared import formatting as show
from app.web.shared.figures.plot import DataTable, Plot
from app.web.shared.figures.style import (
    power_axis,
    span,
)


def joint_histogram(detail: PairDetail) -> Plot:
    """Tokens on which both latents fire, by both activations."""
    rows = [list(row) for row in detail.joint_counts]
    columns = [list(column) for column in zip(*rows, strict=True)]
    largest = max((n for row in rows for n in row), default=0)
    return Plot(
        name="joint-histogram",
        title="Activations where both fire",
        description="Tokens on which both latents fire, by the activation of each.",
        figure={
            "data": [
                {
                    "type": "heatmap",
                    # A log axis misplaces uneven bricks: draw the logarithm itself, with ticks that name the value.
                    "x": [math.log10(edge) for edge in detail.narrow_edges],
                    "y": [math.log10(edge) for edge in detail.reference_edges],
                    "z": [[n if n else None for n in column] for column in columns],
                    "hovertemplate": "%{z} tokens<extra></extra>",
                    # With few tokens, Plotly would put a tick at half a token.
                    "colorbar": {"title": {"text": "tokens"}, "thickness": 12, "dtick": 1 if largest < 10 else None},
                    "meta": {"sequential": True},
                }
            ],
            "layout": {
                "xaxis": power_axis(f"Narrow {detail.narrow_index}", detail.narrow_edges),
                "yaxis": power_axis(f"Reference {detail.reference_index}", detail.reference_edges),
            },
        },
        table=_joint_table(detail),
    )


def _joint_table(detail: PairDetail) -> DataTable:
    narrow, reference = list(pairwise(detail.narrow_edges)), list(pairwise(detail.reference_edges))
    return DataTable(
        ("Narrow activation", "Reference activation", "Tokens"),
        tuple(
            (span(narrow[i]), span(reference[j]), show.number(n))
            for i, row in enumerate(detail.joint_counts)
            for j, n in enumerate(row)
            if n
        ),
    )

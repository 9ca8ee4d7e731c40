"""The figure of the hedging scores."""

from __future__ import annotations

from app.records import (
    ComparisonSummary,
)
from app.web.shared import formatting as show
from app.web.shared.figures.plot import DataTable, Plot
from app.web.shared.figures.style import (
    PLAIN_COLOUR,
    axis,
)


def score_distribution(summary: ComparisonSummary) -> Plot:
    """Counts of narrow latents by hedging score, in the summary's equal bins of [0, 1]."""
    counts = summary.score_histogram
    width = 1 / len(counts) if counts else 1.0
    lows = [round(width * k, 4) for k in range(len(counts))]
    return Plot(
        name="score-distribution",
        title="Hedging scores",
        description=f"Narrow latents by hedging score; {summary.n_scored} have one.",
        figure={
            "data": [
                {
                    "type": "bar",
                    "x": [low + width / 2 for low in lows],
                    "y": list(counts),
                    "width": width * 0.92,
                    "marker": {"color": PLAIN_COLOUR},
                    "customdata": [[low, low + width] for low in lows],
                    "hovertemplate": "%{customdata[0]:.2f} to %{customdata[1]:.2f}: %{y} latents<extra></extra>",
                }
            ],
            "layout": {"xaxis": axis("Hedging score", range=[0, 1]), "yaxis": axis("Narrow latents")},
        },
        table=DataTable(
            ("Hedging score", "Latents"),
            tuple(
                (f"{low:.2f} to {low + width:.2f}", show.number(n)) for low, n in zip(lows, counts, strict=True) if n
            ),
        ),
    )

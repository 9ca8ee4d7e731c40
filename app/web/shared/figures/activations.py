"""The figure of a latent's activations."""

from __future__ import annotations

from itertools import pairwise

from app.records import (
    LogHistogram,
)
from app.web.shared import formatting as show
from app.web.shared.figures.plot import DataTable, Plot
from app.web.shared.figures.style import (
    PLAIN_COLOUR,
    axis,
    log_axis,
)


def activation_histogram(histogram: LogHistogram) -> Plot:
    """Counts of non-zero activations in log-spaced bins."""
    bins = list(pairwise(histogram.edges))
    return Plot(
        name="activation-histogram",
        title="Activations",
        description="Tokens by activation where the latent fires; bins are equally wide in the logarithm.",
        figure={
            "data": [
                {
                    "type": "bar",
                    "x": [(low + high) / 2 for low, high in bins],
                    "y": list(histogram.counts),
                    "width": [high - low for low, high in bins],
                    "marker": {"color": PLAIN_COLOUR},
                    "customdata": [list(edges) for edges in bins],
                    "hovertemplate": "%{customdata[0]:.3g} to %{customdata[1]:.3g}: %{y} tokens<extra></extra>",
                }
            ],
            "layout": {
                "xaxis": log_axis("Activation", histogram.edges),
                "yaxis": axis("Tokens"),
                "bargap": 0,
            },
        },
        table=DataTable(
            ("Activation", "Tokens"),
            tuple(
                (f"{show.number(low)} to {show.number(high)}", show.number(n))
                for (low, high), n in zip(bins, histogram.counts, strict=True)
            ),
        ),
    )

"""The figure of a latent's activations."""

from __future__ import annotations

from itertools import pairwise

from app.records import LogHistogram
from app.web.shared import formatting as show
from app.web.shared.figures.chart import Chart, Mark, Series, counts_axis, log_axis
from app.web.shared.figures.plot import DataTable, Plot
from app.web.shared.figures.style import span


def activation_histogram(histogram: LogHistogram) -> Plot:
    """Counts of non-zero activations in log-spaced bins."""
    bins = list(zip(pairwise(histogram.edges), histogram.counts, strict=True))
    bars = tuple(Mark(low, 0, high, n, f"{span((low, high))}: {show.number(n)} tokens") for (low, high), n in bins)
    return Plot(
        name="activation-histogram",
        title="Activations",
        description="Tokens by activation where the latent fires; bins are equally wide in the logarithm.",
        chart=Chart(
            log_axis("Activation", histogram.edges[0], histogram.edges[-1]),
            counts_axis("Tokens", max(histogram.counts, default=0)),
            (Series("", "plain", "bar", bars),),
        ),
        table=DataTable(("Activation", "Tokens"), tuple((span(edges), show.number(n)) for edges, n in bins)),
    )

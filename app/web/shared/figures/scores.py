"""The figure of the hedging scores."""

from __future__ import annotations

from app.records import ComparisonSummary
from app.web.shared import formatting as show
from app.web.shared.figures.chart import Chart, Mark, Series, chance_line, counts_axis, linear_axis
from app.web.shared.figures.plot import DataTable, Plot


def score_distribution(summary: ComparisonSummary) -> Plot:
    """Counts of narrow latents by hedging score, in the summary's equal bins of [0, 1]."""
    counts = summary.score_histogram
    edges = [k / len(counts) for k in range(len(counts) + 1)] if counts else []
    bins = [(f"{low:.2f}–{high:.2f}", low, high, n) for low, high, n in zip(edges, edges[1:], counts, strict=False)]
    bars = tuple(Mark(low, 0, high, n, f"{text}: {show.number(n)} latents") for text, low, high, n in bins)
    counted = counts_axis("Narrow latents", max(counts, default=0))
    chance = chance_line(summary.chance_level, 0, counted.high, along="x")
    scored, all_latents = show.number(summary.n_scored), show.number(summary.narrow.sae.d_sae)
    return Plot(
        name="score-distribution",
        title="Distribution of hedging scores",
        description=f"{scored} of {all_latents} narrow latents are scored." + _chance_text(summary),
        chart=Chart(
            linear_axis("Hedging score", 0, 1),
            counted,
            (Series("", "plain", "bar", bars), *chance),
        ),
        table=DataTable(("Hedging score", "Latents"), tuple((text, show.number(n)) for text, _, _, n in bins if n)),
    )


def _chance_text(summary: ComparisonSummary) -> str:
    if summary.chance_level is None:
        return ""
    return f" With another latent's decoder row, 95 % would score below {show.number(summary.chance_level)}."

"""A hedging degree to a Plotly figure and its table: pure, as in `figures`."""

from __future__ import annotations

from collections.abc import Sequence

from app.records import DegreeRecord
from app.web import show
from app.web.contexts import DataTable, Plot
from app.web.figures import NARROW_COLOUR


def degree_plot(record: DegreeRecord, scores: Sequence[float | None]) -> Plot:
    """Hedging degree of each latent against its hedging score; latents without one of the two are in the table only."""
    both = [
        (latent.index, score, latent.degree)
        for latent, score in zip(record.latents, scores, strict=True)
        if score is not None and latent.degree is not None
    ]
    return Plot(
        name="degree-by-score",
        title="Hedging degree and hedging score",
        description=f"One point a latent, {len(both)} of {record.n_latents} latents have both numbers.",
        figure={
            "data": [
                {
                    "type": "scatter",
                    "mode": "markers",
                    "x": [score for _, score, _ in both],
                    "y": [degree for _, _, degree in both],
                    "customdata": [index for index, _, _ in both],
                    "marker": {"color": NARROW_COLOUR, "size": 6, "opacity": 0.7},
                    "hovertemplate": "latent %{customdata}: score %{x:.3f}, degree %{y:.3f}<extra></extra>",
                }
            ],
            "layout": {
                "xaxis": {"title": {"text": "Hedging score"}, "automargin": True, "range": [-0.02, 1.02]},
                "yaxis": {"title": {"text": "Hedging degree"}, "automargin": True, "zeroline": True},
            },
        },
        table=_table(record, scores),
    )


def _table(record: DegreeRecord, scores: Sequence[float | None]) -> DataTable:
    """Every latent, the largest degree first."""
    rows = sorted(
        zip(record.latents, scores, strict=True),
        key=lambda pair: (pair[0].degree is None, -(pair[0].degree or 0.0), pair[0].index),
    )
    return DataTable(
        ("Latent", "Hedging degree", "Raw", "Baseline", "Hedging score"),
        tuple(
            (
                str(latent.index),
                show.number(latent.degree),
                show.number(latent.raw),
                show.number(latent.baseline),
                show.number(score),
            )
            for latent, score in rows
        ),
    )

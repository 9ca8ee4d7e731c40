"""The figure of a hedging degree, with its table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from app.catalogue import LATENT_FIELDS
from app.records import DegreeRecord
from app.web.shared import formatting as show
from app.web.shared.figures.plot import DataTable, Plot
from app.web.shared.figures.style import NARROW_COLOUR, round_ticks

AXES = ("hedging_score", "mean_activation", "density")
"""Fields of the narrow latents that the degree can be drawn against; the first is the default."""

LOG_AXES = frozenset({"mean_activation", "density"})

Columns = Mapping[str, Sequence[float | None]]


def degree_plot(record: DegreeRecord, columns: Columns, x: str = AXES[0]) -> Plot:
    """Hedging degree of each latent against one of `AXES`; latents without one of the two are only in the table.

    Args:
        columns: each of `AXES` for all narrow latents, by index.
        x: which of them is drawn.
    """
    title = LATENT_FIELDS[x].title
    # A latent that never fires has a 0, which a log axis can't show.
    both = [
        (latent.index, value, latent.degree)
        for latent, value in zip(record.latents, columns[x], strict=True)
        if value is not None and latent.degree is not None and (value > 0 or x not in LOG_AXES)
    ]
    scale = _log_scale([value for _, value, _ in both]) if x in LOG_AXES else {"range": [-0.02, 1.02]}
    return Plot(
        name="degree-by-score",
        title=f"Hedging degree and {title.lower()}",
        description=f"One point a latent, {len(both)} of {record.n_latents} latents have both numbers.",
        figure={
            "data": [
                {
                    "type": "scatter",
                    "mode": "markers",
                    "x": [value for _, value, _ in both],
                    "y": [degree for _, _, degree in both],
                    "customdata": [index for index, _, _ in both],
                    "marker": {"color": NARROW_COLOUR, "size": 6, "opacity": 0.7},
                    "hovertemplate": f"latent %{{customdata}}: {title.lower()} %{{x:.3g}}, "
                    "degree %{y:.3f}<extra></extra>",
                }
            ],
            "layout": {
                "xaxis": {"title": {"text": title}, "automargin": True, **scale},
                "yaxis": {"title": {"text": "Hedging degree"}, "automargin": True, "zeroline": True},
            },
        },
        table=_table(record, columns),
    )


def _log_scale(values: Sequence[float]) -> dict[str, Any]:
    ticks = round_ticks(min(values), max(values)) if values else []
    return {"type": "log", "tickvals": ticks, "ticktext": [show.number(tick) for tick in ticks]}


def _table(record: DegreeRecord, columns: Columns) -> DataTable:
    """Every latent, the largest degree first."""
    latents = sorted(record.latents, key=lambda latent: (latent.degree is None, -(latent.degree or 0.0), latent.index))
    return DataTable(
        ("Latent", "Hedging degree", "Raw", "Baseline", *(LATENT_FIELDS[name].title for name in AXES)),
        tuple(
            (
                str(latent.index),
                show.number(latent.degree),
                show.number(latent.raw),
                show.number(latent.baseline),
                *(show.number(columns[name][latent.index]) for name in AXES),
            )
            for latent in latents
        ),
    )

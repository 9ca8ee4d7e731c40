"""The figure of a hedging degree, with its table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from app.catalogue import LATENT_FIELDS
from app.records import DegreeRecord
from app.web.shared import formatting as show
from app.web.shared.figures.chart import Axis, Chart, Series, chance_line, fitted_axis, linear_axis, log_axis, point
from app.web.shared.figures.plot import DataTable, Plot

AXES = ("hedging_score", "mean_activation", "density")
"""Fields of the narrow latents that the degree can be drawn against; the first is the default."""

LOG_AXES = frozenset({"mean_activation", "density"})

MOST_ROWS = 100
"""Latents in the table under the plot, those with the largest degree; the API has all."""

Columns = Mapping[str, Sequence[float | None]]


def degree_plot(record: DegreeRecord, columns: Columns, x: str = AXES[0], *, chance_level: float | None = None) -> Plot:
    """Hedging degree of each latent against one of `AXES`; latents without one of the two are only in the table.

    Args:
        columns: each of `AXES` for all narrow latents, by index.
        x: which of them is drawn.
        chance_level: of the hedging score.
    """
    title = LATENT_FIELDS[x].title
    # A latent that never fires has a 0, which a log axis can't show.
    both = [
        (latent.index, value, latent.degree)
        for latent, value in zip(record.latents, columns[x], strict=True)
        if value is not None and latent.degree is not None and (value > 0 or x not in LOG_AXES)
    ]
    points = tuple(
        point(value, degree, f"{index}: {title.lower()} {show.number(value)}, degree {show.number(degree)}")
        for index, value, degree in both
    )
    degrees = fitted_axis("Hedging degree", [0.0, *(degree for _, _, degree in both)])
    chance = chance_line(chance_level if x == "hedging_score" else None, degrees.low, degrees.high, along="x")
    drawn, total = show.number(len(both)), show.number(record.n_latents)
    return Plot(
        name="degree-by-score",
        title=f"Hedging degree and {title.lower()}",
        description=f"One point for each latent. {drawn} of {total} latents have both numbers.",
        chart=Chart(
            _x_axis(x, [value for _, value, _ in both]),
            degrees,
            (Series("", "narrow", "circle", points), *chance),
            height=320,
        ),
        table=_table(record, columns),
    )


def _x_axis(x: str, values: Sequence[float]) -> Axis:
    title = LATENT_FIELDS[x].title
    if x not in LOG_AXES:
        return linear_axis(title, 0, 1)
    return log_axis(title, 0.9 * min(values), 1.1 * max(values)) if values else log_axis(title, 0.1, 1)


def _table(record: DegreeRecord, columns: Columns) -> DataTable:
    """The largest degrees first."""
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
            for latent in latents[:MOST_ROWS]
        ),
    )

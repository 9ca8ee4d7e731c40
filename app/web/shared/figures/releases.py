"""Releases to a Plotly figure and its table: pure, as in `figures`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from app.records import PairRelease
from app.web.shared import formatting as show
from app.web.shared.figures.plot import DataTable, Plot
from app.web.shared.figures.style import NARROW_COLOUR, axis

MOST_POINTS = 5000
"""Pairs that are drawn, those with most predicted mass."""

MOST_ROWS = 200

CONTROL_COLOUR = "#8A8A8A"


def release_plot(pairs: Sequence[PairRelease]) -> Plot:
    """Release of each named pair against its predicted mass, with the falls of the same pairs without their partner.

    Args:
        pairs: named ones.
    """
    drawn = sorted(pairs, key=lambda pair: -pair.mass)[:MOST_POINTS]
    of = f"{len(drawn)} of {len(pairs)}" if len(drawn) < len(pairs) else f"{len(drawn)}"
    return Plot(
        name="release-by-mass",
        title="Predicted mass and release",
        description=f"{of} named pairs. Orange: what each released. Grey: how far the same pairs fell in the runs that "
        "did not add their partner, against the control. Without hedging the two clouds would coincide.",
        figure={
            "data": [
                _points("not added", drawn, [pair.fall_not_added for pair in drawn], CONTROL_COLOUR),
                _points("release", drawn, [pair.release for pair in drawn], NARROW_COLOUR),
            ],
            "layout": {
                "xaxis": axis("Predicted mass"),
                "yaxis": axis("Release, in decoder norms", zeroline=True),
                "showlegend": True,
            },
        },
        table=_table(sorted(pairs, key=lambda pair: -pair.release)[:MOST_ROWS]),
    )


def _points(name: str, pairs: Sequence[PairRelease], values: Sequence[float], colour: str) -> dict[str, Any]:
    return {
        "type": "scatter",
        "mode": "markers",
        "name": name,
        "x": [pair.mass for pair in pairs],
        "y": list(values),
        "customdata": [[pair.narrow_index, pair.reference_index] for pair in pairs],
        "marker": {"color": colour, "size": 5, "opacity": 0.55},
        "hovertemplate": "narrow %{customdata[0]}, reference %{customdata[1]}: mass %{x:.3f}, "
        f"{name} %{{y:.4f}}<extra></extra>",
    }


def _table(pairs: Sequence[PairRelease]) -> DataTable:
    """The largest releases first."""
    return DataTable(
        ("Narrow", "Reference", "Predicted mass", "Release", "Standard error", "Fall where not added"),
        tuple(
            (
                str(pair.narrow_index),
                str(pair.reference_index),
                show.number(pair.mass),
                show.number(pair.release),
                show.number(pair.release_se),
                show.number(pair.fall_not_added),
            )
            for pair in pairs
        ),
    )

"""The figure of the releases that an intervention measured, with its table."""

from __future__ import annotations

from collections.abc import Sequence

from app.records import PairRelease
from app.web.shared import formatting as show
from app.web.shared.figures.chart import Chart, Series, Tone, fitted_axis, point, zero_axis
from app.web.shared.figures.plot import DataTable, Plot

MOST_POINTS = 5000
"""Pairs that are drawn, those with most predicted mass."""

MOST_ROWS = 200


def release_plot(pairs: Sequence[PairRelease]) -> Plot:
    """Release of each named pair against its predicted mass, with the falls of the same pairs without their partner.

    Args:
        pairs: named ones.
    """
    drawn = sorted(pairs, key=lambda pair: -pair.mass)[:MOST_POINTS]
    not_added = [pair.fall_not_added for pair in drawn]
    all_pairs = show.number(len(pairs))
    of = f"{show.number(len(drawn))} of {all_pairs}" if len(drawn) < len(pairs) else all_pairs
    return Plot(
        name="release-by-mass",
        title="Predicted mass and release",
        description=f"{of} named pairs. Orange: what each released. Grey: how far the same pairs fell in the runs that "
        "did not add their partner, against the control. Without hedging the two clouds would coincide.",
        chart=Chart(
            zero_axis("Predicted mass", [pair.mass for pair in drawn]),
            fitted_axis("Release, in decoder norms", [0.0, *(pair.release for pair in drawn), *not_added]),
            (
                _points("not added", drawn, not_added, "muted"),
                _points("release", drawn, [pair.release for pair in drawn], "narrow"),
            ),
            height=320,
        ),
        table=_table(sorted(pairs, key=lambda pair: -pair.release)[:MOST_ROWS]),
    )


def _points(name: str, pairs: Sequence[PairRelease], values: Sequence[float], tone: Tone) -> Series:
    marks = tuple(
        point(
            pair.mass,
            value,
            f"narrow {pair.narrow_index}, reference {pair.reference_index}: mass {show.number(pair.mass)}, "
            f"{name} {show.number(value)}",
        )
        for pair, value in zip(pairs, values, strict=True)
    )
    return Series(name, tone, "circle", marks)


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

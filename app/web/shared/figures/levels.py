"""The figures of Matryoshka levels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from app.catalogue import SUMMARY_FIELDS
from app.records import (
    ComparisonSummary,
    LevelSummary,
    SideSummary,
)
from app.web.shared import formatting as show
from app.web.shared.figures.plot import DataTable, Plot
from app.web.shared.figures.style import (
    NARROW_COLOUR,
    PLAIN_COLOUR,
    REFERENCE_COLOUR,
    axis,
)


def level_plots(summary: ComparisonSummary) -> tuple[Plot, ...]:
    """Explained variance by prefix of both SAEs; mean hedging score by group, if there are several groups."""
    plots = (explained_variance(summary.narrow, summary.reference),)
    return (*plots, level_scores(summary.narrow)) if len(summary.narrow.levels) > 1 else plots


def explained_variance(narrow: SideSummary, reference: SideSummary) -> Plot:
    """Explained variance against prefix width, one line an SAE."""
    # The narrow mark is the larger one: where it is the reference's own prefix, both are at the same place.
    marks = {"symbol": "diamond", "size": 15}, {"symbol": "circle", "size": 9}
    sides = (("narrow", narrow, NARROW_COLOUR, marks[0]), ("reference", reference, REFERENCE_COLOUR, marks[1]))
    widths = _spread(sorted({level.width for _, side, _, _ in sides for level in side.levels}))
    return Plot(
        name="explained-variance",
        title="Explained variance by prefix",
        description="Explained variance of each Matryoshka prefix of both SAEs, against its width.",
        figure={
            "data": [_variance_trace(title, side.levels, colour, mark) for title, side, colour, mark in sides],
            "layout": {
                "xaxis": axis(
                    "Latents in the prefix",
                    type="log",
                    tickvals=widths,
                    ticktext=[show.number(width) for width in widths],
                    tickangle=0,
                ),
                "yaxis": axis(SUMMARY_FIELDS["explained_variance"].title),
                "showlegend": True,
            },
        },
        table=DataTable(
            ("SAE", "Prefix width", "Explained variance"),
            tuple(
                (title, show.number(level.width), show.number(level.explained_variance))
                for title, side, _, _ in sides
                for level in side.levels
            ),
        ),
    )


def level_scores(side: SideSummary) -> Plot:
    """Hedging of each level's group of latents: mean score, and share diagnosed as hedged."""
    levels = [level for level in side.levels if level.mean_hedging_score is not None]
    names = [f"{level.level} (to {show.number(level.width)})" for level in levels]
    bars = (
        ("mean hedging score", NARROW_COLOUR, [level.mean_hedging_score for level in levels]),
        ("share hedged", PLAIN_COLOUR, [_share_hedged(level) for level in levels]),
    )
    return Plot(
        name="level-scores",
        title="Hedging by level",
        description="Of the latents that are new at each Matryoshka level of the narrow SAE: their mean hedging score, "
        "and the share of the alive ones that are diagnosed as hedged.",
        figure={
            "data": [
                {
                    "type": "bar",
                    "name": name,
                    "x": names,
                    "y": values,
                    "marker": {"color": colour},
                    "hovertemplate": f"level %{{x}}: {name} %{{y:.3f}}<extra></extra>",
                }
                for name, colour, values in bars
            ],
            "layout": {
                "barmode": "group",
                "showlegend": True,
                "xaxis": axis("Level", type="category"),
                "yaxis": axis("", rangemode="tozero"),
            },
        },
        table=DataTable(
            ("Level", "Prefix width", "Mean hedging score", "Hedged", "Alive", "Share hedged"),
            tuple(
                (
                    str(v.level),
                    show.number(v.width),
                    show.number(v.mean_hedging_score),
                    show.number(v.n_hedged),
                    show.number(v.n_latents - v.n_dead),
                    show.percent(_share_hedged(v)),
                )
                for v in side.levels
            ),
        ),
    )


def _share_hedged(level: LevelSummary) -> float | None:
    """Of the group's alive latents; None where all are dead."""
    alive = level.n_latents - level.n_dead
    return level.n_hedged / alive if alive else None


def _variance_trace(title: str, levels: Sequence[LevelSummary], colour: str, mark: Mapping[str, Any]) -> dict[str, Any]:
    known = [level for level in levels if level.explained_variance is not None]
    return {
        "type": "scatter",
        "mode": "lines+markers",
        "name": title,
        "x": [level.width for level in known],
        "y": [level.explained_variance for level in known],
        "marker": {"color": colour, **mark},
        "line": {"color": colour, "width": 2},
        "hovertemplate": f"{title}, first %{{x:,}} latents: %{{y:.3f}}<extra></extra>",
    }


def _spread(widths: Sequence[int], ratio: float = 1.4) -> list[int]:
    """The widths from the largest down, without those whose label would touch the one before on a log axis."""
    kept: list[int] = []
    for width in reversed(widths):
        if not kept or kept[-1] / width >= ratio:
            kept.append(width)
    return kept[::-1]

"""The figures of Matryoshka levels."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from app.catalogue import SUMMARY_FIELDS
from app.records import ComparisonSummary, LevelSummary, SideSummary
from app.web.shared import formatting as show
from app.web.shared.figures.chart import (
    Axis,
    Chart,
    Mark,
    Series,
    Shape,
    Tone,
    chance_line,
    fitted_axis,
    line,
    linear_axis,
    log_axis,
    names_axis,
    point,
)
from app.web.shared.figures.plot import DataTable, Plot
from app.web.shared.figures.ticks import Tick

BAR_WIDTH = 0.36
"""Of the distance between two levels: two bars stand side by side."""


def level_plots(summary: ComparisonSummary) -> tuple[Plot, ...]:
    """Explained variance by prefix of both SAEs; mean hedging score by group, if there are several groups."""
    plots = (explained_variance(summary.narrow, summary.reference),)
    return (*plots, level_scores(summary.narrow, summary.chance_level)) if len(summary.narrow.levels) > 1 else plots


def explained_variance(narrow: SideSummary, reference: SideSummary) -> Plot:
    """Explained variance against prefix width, one line an SAE."""
    sides = (("narrow", narrow), ("reference", reference))
    title = SUMMARY_FIELDS["explained_variance"].title
    known = [v.explained_variance for _, side in sides for v in side.levels if v.explained_variance is not None]
    return Plot(
        name="explained-variance",
        title="Explained variance by prefix",
        description="Explained variance of each Matryoshka prefix of both SAEs, against its width.",
        chart=Chart(
            _widths_axis([level.width for _, side in sides for level in side.levels]),
            fitted_axis(title, known, room=0.1),
            # The narrow mark is larger: where the SAE is the reference's own prefix, both are at the same place.
            (
                *_variance("narrow", narrow.levels, "narrow", "diamond"),
                *_variance("reference", reference.levels, "reference", "circle"),
            ),
        ),
        table=DataTable(
            ("SAE", "Prefix width", title),
            tuple(
                (name, show.number(level.width), show.number(level.explained_variance))
                for name, side in sides
                for level in side.levels
            ),
        ),
    )


def level_scores(side: SideSummary, chance_level: float | None) -> Plot:
    """Hedging of each level's group of latents: mean score, and share diagnosed as hedged.

    Args:
        chance_level: of the score.
    """
    levels = [level for level in side.levels if level.mean_hedging_score is not None]
    names = [f"{level.level} (to {show.number(level.width)})" for level in levels]
    scores = [level.mean_hedging_score or 0.0 for level in levels]
    shares = [_share_hedged(level) or 0.0 for level in levels]
    return Plot(
        name="level-scores",
        title="Hedging by level",
        description="Of the latents that are new at each Matryoshka level of the narrow SAE: their mean hedging score, "
        "and the share of the alive ones that are diagnosed as hedged.",
        chart=Chart(
            names_axis("Level", names),
            linear_axis("", 0, 1),
            (
                Series("mean hedging score", "narrow", "bar", tuple(_bars("mean hedging score", scores, -BAR_WIDTH))),
                Series("share hedged", "plain", "bar", tuple(_bars("share hedged", shares, 0))),
                *chance_line(chance_level, -0.5, len(names) - 0.5, along="y"),
            ),
        ),
        table=_score_table(side.levels),
    )


def _bars(name: str, values: Sequence[float], offset: float) -> Iterator[Mark]:
    for place, value in enumerate(values):
        left = place + offset
        yield Mark(left, 0, left + BAR_WIDTH, value, f"{name}: {show.number(value)}")


def _score_table(levels: Sequence[LevelSummary]) -> DataTable:
    return DataTable(
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
            for v in levels
        ),
    )


def _share_hedged(level: LevelSummary) -> float | None:
    """Of the group's alive latents; None where all are dead."""
    alive = level.n_latents - level.n_dead
    return level.n_hedged / alive if alive else None


def _variance(name: str, levels: Sequence[LevelSummary], tone: Tone, shape: Shape) -> tuple[Series, ...]:
    points = tuple(
        point(
            level.width,
            level.explained_variance,
            f"{name}, first {show.number(level.width)} latents: {show.number(level.explained_variance)}",
        )
        for level in levels
        if level.explained_variance is not None
    )
    return Series("", tone, "line", line(points)), Series(name, tone, shape, points)


def _widths_axis(widths: Sequence[int], ratio: float = 1.4) -> Axis:
    """A log axis with the widths as ticks, without those whose text would touch that of the next larger one."""
    kept: list[int] = []
    for width in sorted(set(widths), reverse=True):
        if not kept or kept[-1] / width >= ratio:
            kept.append(width)
    axis = log_axis("Latents in the prefix", 0.9 * min(widths), 1.1 * max(widths))
    ticks = tuple(Tick(width, show.number(width)) for width in reversed(kept))
    return Axis(axis.title, axis.low, axis.high, ticks, log=True)

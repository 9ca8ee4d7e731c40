"""Records to Plotly figures: pure functions, plain dicts, no theme.

Text that came from a model's vocabulary goes through `plot_text`: Plotly reads markup in strings.
The browser sets the colours of text, grid and sequential scales, which follow the theme.
"""

from __future__ import annotations

import html
import math
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

from app.catalogue import SUMMARY_FIELDS
from app.records import (
    ComparisonSummary,
    LatentScores,
    LevelSummary,
    LogHistogram,
    PairDetail,
    PartnerDiagnosis,
    SideSummary,
)
from app.web.pages.contexts import DataTable, PartnerRow, Plot
from app.web.shared import formatting as show

ROLE_COLOURS: Mapping[PartnerDiagnosis, str] = {
    "main": "#0072B2",
    "hedged": "#D55E00",
    "absorbed": "#CC79A7",
    "split": "#009E73",
    "unexplained": "#8A8F98",
}
"""Okabe and Ito's palette, told apart with any colour vision; readable on white and on near-black."""

NARROW_COLOUR = "#D55E00"
REFERENCE_COLOUR = "#0072B2"
PLAIN_COLOUR = "#4C78A8"

ROLE_TITLES: Mapping[PartnerDiagnosis, str] = {
    "main": "main partner",
    "hedged": "hedged",
    "absorbed": "absorbed",
    "split": "split",
    "unexplained": "unexplained",
}


def plot_text(text: str) -> str:
    """A text as Plotly shows it unchanged: no markup, no invisible characters."""
    return html.escape(show.plain(text), quote=False)


def score_distribution(summary: ComparisonSummary) -> Plot:
    """Counts of narrow latents by hedging score, in the summary's equal bins of [0, 1]."""
    counts = summary.score_histogram
    width = 1 / len(counts) if counts else 1.0
    lows = [round(width * k, 4) for k in range(len(counts))]
    return Plot(
        name="score-distribution",
        title="Hedging scores",
        description=f"Narrow latents by hedging score; {summary.n_scored} have one.",
        figure={
            "data": [
                {
                    "type": "bar",
                    "x": [low + width / 2 for low in lows],
                    "y": list(counts),
                    "width": width * 0.92,
                    "marker": {"color": PLAIN_COLOUR},
                    "customdata": [[low, low + width] for low in lows],
                    "hovertemplate": "%{customdata[0]:.2f} to %{customdata[1]:.2f}: %{y} latents<extra></extra>",
                }
            ],
            "layout": {"xaxis": _axis("Hedging score", range=[0, 1]), "yaxis": _axis("Narrow latents")},
        },
        table=DataTable(
            ("Hedging score", "Latents"),
            tuple(
                (f"{low:.2f} to {low + width:.2f}", show.number(n)) for low, n in zip(lows, counts, strict=True) if n
            ),
        ),
    )


def level_plots(summary: ComparisonSummary) -> tuple[Plot, ...]:
    """Explained variance by prefix of both SAEs; mean hedging score by group, where there are several groups."""
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
                "xaxis": _axis(
                    "Latents in the prefix",
                    type="log",
                    tickvals=widths,
                    ticktext=[show.number(width) for width in widths],
                    tickangle=0,
                ),
                "yaxis": _axis(SUMMARY_FIELDS["explained_variance"].title),
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
                "xaxis": _axis("Level", type="category"),
                "yaxis": _axis("", rangemode="tozero"),
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


def decomposition(latent: LatentScores, rows: Sequence[PartnerRow]) -> Plot:
    """Weights of a narrow latent's partners, or of a reference latent in the narrow ones, coloured by role.

    Args:
        latent: the latent whose page it is on.
        rows: its partners, in the order in which they are drawn from the top.
    """
    # The index leads: two latents may have the same label, and each bar needs a place of its own.
    names = [f"{row.index}  {_shortened(row.label)}" for row in rows]
    roles = [role for role in ROLE_COLOURS if any(row.partner.diagnosis == role for row in rows)]
    return Plot(
        name="decomposition",
        title="Decomposition on the reference decoder" if latent.sae == "narrow" else "Weights in narrow latents",
        description=_decomposition_text(latent),
        figure={
            "data": [_role_trace(role, rows, names) for role in roles],
            "layout": {
                "xaxis": _axis("Weight", zeroline=True),
                "yaxis": _axis("", type="category", categoryarray=names[::-1], categoryorder="array"),
                "barmode": "overlay",
                "showlegend": True,
                # A few bars stay as thin as many are.
                "bargap": max(0.3, 1 - len(rows) / 8),
            },
        },
        table=DataTable(
            ("Latent", "Fires on", "Role", "Weight", "Share"),
            tuple(
                (
                    str(row.index),
                    show.plain(row.label),
                    row.partner.diagnosis,
                    show.number(row.partner.weight),
                    show.number(row.partner.share),
                )
                for row in rows
            ),
        ),
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
                "xaxis": _log_axis("Activation", histogram.edges),
                "yaxis": _axis("Tokens"),
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


def joint_histogram(detail: PairDetail) -> Plot:
    """Tokens on which both latents fire, by both activations."""
    rows = [list(row) for row in detail.joint_counts]
    columns = [list(column) for column in zip(*rows, strict=True)]
    largest = max((n for row in rows for n in row), default=0)
    return Plot(
        name="joint-histogram",
        title="Activations where both fire",
        description="Tokens on which both latents fire, by the activation of each.",
        figure={
            "data": [
                {
                    "type": "heatmap",
                    # A log axis does not place uneven bricks: the logarithm itself is drawn, the ticks name the value.
                    "x": [math.log10(edge) for edge in detail.narrow_edges],
                    "y": [math.log10(edge) for edge in detail.reference_edges],
                    "z": [[n if n else None for n in column] for column in columns],
                    "hovertemplate": "%{z} tokens<extra></extra>",
                    # Half a token would be a tick where there are only a few.
                    "colorbar": {"title": {"text": "tokens"}, "thickness": 12, "dtick": 1 if largest < 10 else None},
                    "meta": {"sequential": True},
                }
            ],
            "layout": {
                "xaxis": _power_axis(f"Narrow {detail.narrow_index}", detail.narrow_edges),
                "yaxis": _power_axis(f"Reference {detail.reference_index}", detail.reference_edges),
            },
        },
        table=_joint_table(detail),
    )


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


def _decomposition_text(latent: LatentScores) -> str:
    if latent.sae == "reference":
        return "Weight of this latent's direction in the decoder directions of narrow latents."
    text = "Weight of each reference latent in this latent's decoder direction."
    if latent.decomposition_residual is None:
        return text
    return f"{text} {show.percent(latent.decomposition_residual)} of the squared norm stays unexplained."


def _spread(widths: Sequence[int], ratio: float = 1.4) -> list[int]:
    """The widths from the largest down, without those too near to the last on a log axis for both labels."""
    kept: list[int] = []
    for width in reversed(widths):
        if not kept or kept[-1] / width >= ratio:
            kept.append(width)
    return kept[::-1]


def _role_trace(role: PartnerDiagnosis, rows: Sequence[PartnerRow], names: Sequence[str]) -> dict[str, Any]:
    chosen = [(row, name) for row, name in zip(rows, names, strict=True) if row.partner.diagnosis == role]
    return {
        "type": "bar",
        "orientation": "h",
        "name": ROLE_TITLES[role],
        "x": [row.partner.weight for row, _ in chosen],
        "y": [name for _, name in chosen],
        "customdata": [[row.index, row.partner.share] for row, _ in chosen],
        "marker": {"color": ROLE_COLOURS[role]},
        "hovertemplate": "%{customdata[0]}: weight %{x:.3f}, share %{customdata[1]:.3f}"
        f"<extra>{ROLE_TITLES[role]}</extra>",
    }


def _joint_table(detail: PairDetail) -> DataTable:
    narrow, reference = list(pairwise(detail.narrow_edges)), list(pairwise(detail.reference_edges))
    return DataTable(
        ("Narrow activation", "Reference activation", "Tokens"),
        tuple(
            (_span(narrow[i]), _span(reference[j]), show.number(n))
            for i, row in enumerate(detail.joint_counts)
            for j, n in enumerate(row)
            if n
        ),
    )


def _axis(title: str, **rest: Any) -> dict[str, Any]:
    return {"title": {"text": title}, "automargin": True, **rest}


def _log_axis(title: str, edges: Sequence[float]) -> dict[str, Any]:
    """A log axis over the edges; ticks at round numbers."""
    low, high = (edges[0], edges[-1]) if edges else (0.1, 1.0)
    ticks = round_ticks(low, high)
    return _axis(
        title,
        type="log",
        range=[math.log10(low), math.log10(high)],
        tickvals=ticks,
        ticktext=[f"{t:g}" for t in ticks],
    )


def _power_axis(title: str, edges: Sequence[float]) -> dict[str, Any]:
    ticks = round_ticks(edges[0], edges[-1]) if edges else []
    return _axis(title, tickvals=[math.log10(t) for t in ticks], ticktext=[f"{t:g}" for t in ticks])


def round_ticks(low: float, high: float) -> list[float]:
    """Values 1, 2 or 5 times a power of ten in `[low, high]`; only powers of ten over more than two decades.

    Where fewer than two lie within, the ends.
    """
    steps = (1,) if high / low > 100 else (1, 2, 5)
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    values = (float(f"{step}e{power}") for power in powers for step in steps)
    ticks = [value for value in values if low <= value <= high]
    return ticks if len(ticks) > 1 else [float(f"{low:.3g}"), float(f"{high:.3g}")]


def _span(edges: tuple[float, float]) -> str:
    return f"{show.number(edges[0])} to {show.number(edges[1])}"


def _shortened(label: str, length: int = 22) -> str:
    text = show.plain(label)
    return plot_text(text if len(text) <= length else text[: length - 1] + "…")

"""The figures of one SAE: its hedging scores next to those of other SAEs, and how correlated its decoder rows are."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from app.records import ComparisonSummary
from app.web.shared import formatting as show
from app.web.shared.figures.chart import (
    Chart,
    Mark,
    Series,
    Tone,
    chance_line,
    counts_axis,
    line,
    linear_axis,
    point,
    zero_axis,
)
from app.web.shared.figures.plot import DataTable, Plot

OTHER_TONES: tuple[Tone, ...] = ("reference", "third", "fourth")
"""Of other SAEs, at most as many of them."""

C_DEC_BINS = 24


def compared_scores(own: ComparisonSummary, others: Sequence[ComparisonSummary]) -> Plot:
    """Shares of scored latents by hedging score: of one SAE as bars, of others with the same reference as lines."""
    shown = [own, *others[: len(OTHER_TONES)]]
    shares = [_shares(summary) for summary in shown]
    axis = zero_axis("Share of the scored latents", [share for each in shares for share in each])
    bars = tuple(
        Mark(k / len(shares[0]), 0, (k + 1) / len(shares[0]), share, f"{_bin(k, shares[0])}: {show.percent(share)}")
        for k, share in enumerate(shares[0])
    )
    lines = tuple(
        Series(f"{each.narrow.sae.name} ({each.name})", tone, "line", line(_middles(found)))
        for each, found, tone in zip(shown[1:], shares[1:], OTHER_TONES, strict=False)
    )
    return Plot(
        name="compared-scores",
        title="Distribution of hedging scores",
        description=f"Latents of {own.narrow.sae.name} in {own.name}, and of other narrow SAEs with that reference.",
        chart=Chart(
            linear_axis("Hedging score", 0, 1),
            axis,
            (
                Series(f"{own.narrow.sae.name} ({own.name})", "narrow", "bar", bars),
                *lines,
                *chance_line(own.chance_level, 0, axis.high, along="x"),
            ),
        ),
        table=DataTable(
            ("Narrow SAE", "Comparison", "Scored", "Median", "Chance level", "Hedged"),
            tuple(_row(summary) for summary in shown),
        ),
    )


def c_dec_distribution(values: Sequence[float]) -> Plot:
    """Counts of latents by the mean size of the cosine with the other decoder rows."""
    high = max(values, default=0.0) * 1.001 or 1.0
    width = high / C_DEC_BINS
    counts = Counter(min(C_DEC_BINS - 1, int(value / width)) for value in values)
    bins = [(k * width, (k + 1) * width, counts[k]) for k in range(C_DEC_BINS)]
    bars = tuple(
        Mark(a, 0, b, n, f"{show.number(a)}–{show.number(b)}: {show.number(n)} latents") for a, b, n in bins if n
    )
    return Plot(
        name="c-dec",
        title="Correlation within the decoder (c_dec)",
        description=f"Mean size of the cosine between a latent's decoder row and the others, for "
        f"{show.number(len(values))} latents. Higher values suggest more mixing.",
        chart=Chart(
            linear_axis("c_dec", 0, high),
            counts_axis("Latents", max(counts.values(), default=0)),
            (Series("", "plain", "bar", bars),),
        ),
        table=DataTable(
            ("c_dec", "Latents"),
            tuple((f"{show.number(a)}–{show.number(b)}", show.number(n)) for a, b, n in bins if n),
        ),
    )


def _shares(summary: ComparisonSummary) -> list[float]:
    total = sum(summary.score_histogram)
    return [n / total if total else 0.0 for n in summary.score_histogram]


def _middles(shares: Sequence[float]) -> tuple[Mark, ...]:
    return tuple(point((k + 0.5) / len(shares), share, "") for k, share in enumerate(shares))


def _bin(k: int, shares: Sequence[float]) -> str:
    return f"{k / len(shares):.2f}–{(k + 1) / len(shares):.2f}"


def _row(summary: ComparisonSummary) -> tuple[str, ...]:
    return (
        summary.narrow.sae.name,
        summary.name,
        show.number(summary.n_scored),
        show.number(summary.score_quantiles.get("0.5")),
        show.number(summary.chance_level),
        show.number(summary.n_hedged),
    )

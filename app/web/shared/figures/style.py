"""Colours, axes and texts that all figures share. The browser sets the colours of text, grid and sequential scales."""

from __future__ import annotations

import html
import math
from collections.abc import Sequence
from typing import Any

from app.web.shared import formatting as show

NARROW_COLOUR = "#D55E00"
REFERENCE_COLOUR = "#0072B2"
PLAIN_COLOUR = "#4C78A8"


def plot_text(text: str) -> str:
    """A text as Plotly shows it unchanged: no markup, no invisible characters."""
    return html.escape(show.plain(text), quote=False)


def shortened(label: str, length: int = 22) -> str:
    """A label as Plotly shows it, cut to a length of characters."""
    text = show.plain(label)
    return plot_text(text if len(text) <= length else text[: length - 1] + "…")


def axis(title: str, **rest: Any) -> dict[str, Any]:
    """A titled axis; `rest` is more of its layout."""
    return {"title": {"text": title}, "automargin": True, **rest}


def log_axis(title: str, edges: Sequence[float]) -> dict[str, Any]:
    """A log axis over the edges; ticks at round numbers."""
    low, high = (edges[0], edges[-1]) if edges else (0.1, 1.0)
    ticks = round_ticks(low, high)
    return axis(
        title,
        type="log",
        range=[math.log10(low), math.log10(high)],
        tickvals=ticks,
        ticktext=[f"{t:g}" for t in ticks],
    )


def power_axis(title: str, edges: Sequence[float]) -> dict[str, Any]:
    """A linear axis of logarithms to base 10, with the values themselves at its ticks."""
    ticks = round_ticks(edges[0], edges[-1]) if edges else []
    return axis(title, tickvals=[math.log10(t) for t in ticks], ticktext=[f"{t:g}" for t in ticks])


def round_ticks(low: float, high: float) -> list[float]:
    """Values 1, 2 or 5 times a power of ten in `[low, high]`; only powers of ten over more than two decades.

    Where fewer than two lie within, the ends.
    """
    steps = (1,) if high / low > 100 else (1, 2, 5)
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    values = (float(f"{step}e{power}") for power in powers for step in steps)
    ticks = [value for value in values if low <= value <= high]
    return ticks if len(ticks) > 1 else [float(f"{low:.3g}"), float(f"{high:.3g}")]


def span(edges: tuple[float, float]) -> str:
    """The ends of a bin in words."""
    return f"{show.number(edges[0])} to {show.number(edges[1])}"

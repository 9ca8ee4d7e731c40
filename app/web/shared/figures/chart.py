"""A chart as plain data: two axes, and series of marks in the units of the data."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from app.web.shared.figures.ticks import Tick, linear_ticks, log_ticks

Shape = Literal["bar", "circle", "diamond", "line", "cell", "name"]

Tone = Literal[
    "narrow",
    "reference",
    "plain",
    "muted",
    "ink",
    "main",
    "hedged",
    "together",
    "absorbed",
    "split",
    "unexplained",
    "third",
    "fourth",
]
"""A colour with one meaning; `static/css/charts.css` gives it its values, light and dark."""


@dataclass(frozen=True)
class Axis:
    """An axis from `low` to `high`.

    Attributes:
        title: with the unit, if there is one.
        log: whether distances are ratios.
        ticks: places with a text, within the range.
        inside: whether the texts stand in the plot above their places, as names of rows.
    """

    title: str
    low: float
    high: float
    ticks: tuple[Tick, ...]
    log: bool = False
    inside: bool = False


@dataclass(frozen=True)
class Mark:
    """A bar, a cell, a stretch of a line, or a point (both corners equal).

    Attributes:
        x0, y0, x1, y1: two opposite corners, or both ends.
        text: what it is and its values, shown where the pointer rests; of shape `name`, what stands there.
        strength: of a cell's colour, in (0, 1].
    """

    x0: float
    y0: float
    x1: float
    y1: float
    text: str
    strength: float = 1.0


@dataclass(frozen=True)
class Series:
    """Marks of one shape and colour; a `name` puts them in the legend."""

    name: str
    tone: Tone
    shape: Shape
    marks: tuple[Mark, ...]


@dataclass(frozen=True)
class Chart:
    """Axes and series; `height` of the area within the axes is in pixels, its width follows the page."""

    x: Axis
    y: Axis
    series: tuple[Series, ...]
    height: int = 200


def point(x: float, y: float, text: str) -> Mark:
    """A mark with one place."""
    return Mark(x, y, x, y, text)


def line(series: Sequence[Mark]) -> tuple[Mark, ...]:
    """Stretches between points that follow one another."""
    return tuple(Mark(a.x0, a.y0, b.x0, b.y0, "") for a, b in itertools.pairwise(series))


def chance_line(level: float | None, low: float, high: float, *, along: Literal["x", "y"]) -> tuple[Series, ...]:
    """A line at a chance level on one axis, from `low` to `high` on the other; nothing without a level."""
    if level is None:
        return ()
    ends = (level, low, level, high) if along == "x" else (low, level, high, level)
    return (Series("chance level", "muted", "line", (Mark(*ends, f"chance level: {level:.3g}"),)),)


def linear_axis(title: str, low: float, high: float) -> Axis:
    """An axis with round ticks."""
    return Axis(title, low, high, linear_ticks(low, high))


def fitted_axis(title: str, values: Sequence[float], *, room: float = 0.05) -> Axis:
    """A linear axis over the values, with a share of its length as room at both ends."""
    low, high = (min(values), max(values)) if values else (0.0, 1.0)
    margin = (high - low or abs(high) or 1.0) * room
    return linear_axis(title, low - margin, high + margin)


def zero_axis(title: str, values: Sequence[float]) -> Axis:
    """A linear axis from 0 over the values, which may lie on both sides of it."""
    low, high = min([0.0, *values]), max([0.0, *values])
    return linear_axis(title, 1.05 * low, 1.05 * high if high > low else low + 1)


def counts_axis(title: str, largest: int) -> Axis:
    """An axis of whole numbers from 0, a little above the largest."""
    high = max(largest, 1) * 1.05
    return Axis(title, 0, high, tuple(tick for tick in linear_ticks(0, high) if tick.value == int(tick.value)))


def log_axis(title: str, low: float, high: float) -> Axis:
    """A logarithmic axis between two positive numbers; equal ones get some room on both sides."""
    if low == high:
        low, high = low / 2, high * 2
    return Axis(title, low, high, log_ticks(low, high), log=True)


def names_axis(title: str, names: Sequence[str], *, inside: bool = False) -> Axis:
    """An axis of categories at 0, 1, …, one unit each."""
    ticks = tuple(Tick(float(place), name) for place, name in enumerate(names))
    return Axis(title, -0.5, max(len(names), 1) - 0.5, ticks, inside=inside)

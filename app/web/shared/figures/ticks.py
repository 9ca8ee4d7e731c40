"""Round numbers along an axis, and how they are written."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from app.web.shared.formatting import MINUS

MOST_TICKS = 6


@dataclass(frozen=True)
class Tick:
    """A place on an axis and its text."""

    value: float
    text: str


def tick_text(value: float) -> str:
    """A round number as people write it: 0.25, −1, 65,536."""
    size = abs(value)
    digits = f"{size:,.0f}" if size >= 1000 and size == int(size) else f"{size:.6g}"
    return MINUS + digits if value < 0 else digits


def linear_ticks(low: float, high: float) -> tuple[Tick, ...]:
    """Multiples of 1, 2 or 5 times a power of ten in `[low, high]`, at most `MOST_TICKS`."""
    if not low < high:
        return (Tick(low, tick_text(low)),)
    power = 10.0 ** (math.floor(math.log10(high - low)) - 1)
    step = next(n * power for n in (1, 2, 5, 10, 20, 50, 100) if (high - low) / (n * power) < MOST_TICKS)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return _ticks([float(f"{k * step:.10g}") for k in range(first, last + 1)])


def log_ticks(low: float, high: float) -> tuple[Tick, ...]:
    """Values 1, 2 or 5 times a power of ten in `[low, high]`; only powers of ten over more than two decades.

    Where fewer than two lie within, the ends.
    """
    steps = (1,) if high / low > 100 else (1, 2, 5)
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    values = (float(f"{step}e{power}") for power in powers for step in steps)
    ticks = [value for value in values if low <= value <= high]
    return _ticks(ticks if len(ticks) > 1 else [float(f"{low:.3g}"), float(f"{high:.3g}")])


def _ticks(values: Sequence[float]) -> tuple[Tick, ...]:
    return tuple(Tick(value, tick_text(value)) for value in values)

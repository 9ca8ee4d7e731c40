"""How estimates use the groups of a sample: halves against noise, one group left out for the interval."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from app.stats.input_sample import N_GROUPS

MapFunction = Callable[[Callable[[Any], Any], Iterable[Any]], Iterable[Any]]
"""Calls a function for each of some items, results in their order: `map`, or the `map` of a pool."""

HALVES = ((0, 1), (2, 3))

PARTS: tuple[tuple[int, ...], ...] = (*HALVES, *((g,) for g in range(N_GROUPS)))
"""Groups of separate estimates: each half, then each single group, used where the other one of its half is left out."""

HALF_PAIRS = ((0, 1), (3, 1), (2, 1), (0, 5), (0, 4))
"""Places in `PARTS` of two halves: of all groups, then without group 0, 1, 2, 3."""

"""Ranges of indices, written out."""

from __future__ import annotations

import numpy as np

from app.arrays import Int64s


def expand_ranges(starts: Int64s, stops: Int64s) -> tuple[Int64s, Int64s]:
    """Write out ranges of indices one after the other.

    Args:
        starts, stops: `[n]`, stop not below start.

    Returns:
        (`[total]` which range, `[total]` index in it).
    """
    length = stops - starts
    owner = np.repeat(np.arange(len(starts)), length)
    before = np.cumsum(length) - length
    return owner, np.arange(len(owner)) + (starts - before)[owner]

"""A fixed hash of whole numbers: choices that look random and never change."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from app.arrays import Int32s, Int64s

GAMMA = np.uint64(0x9E3779B97F4A7C15)
MULTIPLIERS = (np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB))
SHIFTS = (np.uint64(30), np.uint64(27), np.uint64(31))


def splitmix64(state: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """One step of SplitMix64 (Steele, Lea & Flood, OOPSLA 2014; Vigna's constants), modulo 2^64."""
    mixed = state + GAMMA
    mixed = (mixed ^ (mixed >> SHIFTS[0])) * MULTIPLIERS[0]
    mixed = (mixed ^ (mixed >> SHIFTS[1])) * MULTIPLIERS[1]
    return mixed ^ (mixed >> SHIFTS[2])


def hash_firings(latent: Int64s, row: Int64s, position: Int32s) -> NDArray[np.uint64]:
    """`[n]` hash of each (latent, row, position)."""
    mixed = splitmix64(latent.astype(np.uint64))
    mixed = splitmix64(mixed ^ row.astype(np.uint64))
    return splitmix64(mixed ^ position.astype(np.uint64))

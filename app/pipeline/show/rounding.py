"""Activations as pages show them: four digits, which keep the stored contexts small."""

from __future__ import annotations

import numpy as np

from app.arrays import Float32s, Float64s
from app.stats.stretches import StretchActivations

POWERS_OF_TEN = np.array([float(f"1e{power}") for power in range(23)])


def shown_activations(stretches: StretchActivations, entries: slice) -> list[tuple[float, ...]]:
    """Rounded activations on some stretches."""
    values = four_digits(stretches.values[entries]).tolist()
    return [tuple(row[:length]) for row, length in zip(values, stretches.length[entries].tolist(), strict=True)]


def four_digits(values: Float32s | Float64s) -> Float64s:
    """Non-negative values rounded to four decimal digits, each the float nearest to its decimal number.

    The quotient of a whole number and a power of ten, both exact, is that float: it prints as four digits.
    """
    # Most activations on a stretch are zero: only the others are computed.
    firing = np.nonzero(values)
    positive = values[firing].astype(np.float64)
    # 10^22 is the largest power of ten that a float holds exactly.
    exponent = np.clip(3 - np.floor(np.log10(positive)), -22, 22).astype(np.int64)
    up, down = POWERS_OF_TEN[np.maximum(exponent, 0)], POWERS_OF_TEN[np.maximum(-exponent, 0)]
    rounded = np.zeros(values.shape)
    rounded[firing] = np.rint(positive * up / down) / up * down
    return rounded

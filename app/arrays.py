"""Types of arrays, and what their numbers can resolve."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Float32s = NDArray[np.float32]
Float64s = NDArray[np.float64]
Int32s = NDArray[np.int32]
Int64s = NDArray[np.int64]
Flags = NDArray[np.bool_]

RELATIVE_ZERO = 1e-12
"""A variance below this share of the mean square is rounding: the difference of two float64 sums, taken over
up to 10^9 tokens, keeps about 12 digits."""


def none_if_nan(value: np.floating | float) -> float | None:
    """A plain float, or None for NaN."""
    return None if np.isnan(value) else float(value)

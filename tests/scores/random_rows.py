"""Unit rows in random directions."""

from __future__ import annotations

import numpy as np

from app.arrays import Float32s, Float64s


def unit(rows: Float32s | Float64s) -> Float32s:
    scaled: Float32s = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
    return scaled


def random_rows(seed: int, n: int, d: int) -> Float32s:
    return unit(np.random.default_rng(seed).normal(size=(n, d)))

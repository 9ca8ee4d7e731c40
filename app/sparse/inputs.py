"""Which tokens' activations are kept as they are, beside the active latents.

The hedging score looks at the input of the SAE itself on tokens where a latent fires. Keeping all
inputs would take `d_in` numbers a token; a sample is enough, since the score averages over tokens.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from app.activations.batch import TokenRows

MAX_VALUES = 1 << 25
"""Numbers kept until the sample thins out: all of the first 58,254 tokens at `d_in` 576, in 67 MB."""

GOLDEN = 0.6180339887498949
LARGEST_FLOAT16 = 60_000.0


def sampled_rows(rows: TokenRows, start: int, stop: int, d_in: int) -> NDArray[np.bool_]:
    """`[stop - start]` which rows of a text keep their inputs.

    All rows until `MAX_VALUES` numbers are reached, then a share that falls with the number of
    tokens before, so that the sample grows with the logarithm of the text only. A row is chosen by
    its index and what comes before it: a longer run finds the shards of a shorter one right.

    Args:
        rows: the whole text.
    """
    share = (MAX_VALUES / d_in) / np.maximum(rows.kept_before[start:stop], 1)
    # Weyl's sequence: any stretch of rows has its share, without a random state to carry along.
    place = (np.arange(start, stop) * GOLDEN) % 1.0
    chosen: NDArray[np.bool_] = place < share
    return chosen


def pack(acts: NDArray[np.float32]) -> tuple[NDArray[np.float16], float]:
    """(`acts / scale` in float16, scale); the scale is 1 unless a value would overflow."""
    largest = float(np.abs(acts).max(initial=0.0))
    scale = max(1.0, largest / LARGEST_FLOAT16)
    return (acts / np.float32(scale)).astype(np.float16), scale


def unpack(acts: NDArray[np.float16], scale: float) -> NDArray[np.float32]:
    """What `pack` was given, to 11 bits."""
    return acts.astype(np.float32) * np.float32(scale)

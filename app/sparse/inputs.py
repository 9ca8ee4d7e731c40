"""The sample of tokens whose full activations are stored with the active latents.

The hedging score looks at the input of the SAE itself on tokens where a latent fires. Keeping all
inputs would take `d_in` numbers per token; a sample is enough, since the score averages over tokens.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from app.activations.batch import TokenRows

MAX_TOKENS = 1 << 16
"""Tokens of the sample: more would not tell the direction of a latent much better."""

MAX_VALUES = 1 << 28
"""Numbers of the sample, 1.1 GB: fewer tokens where `d_in` is above 4,096."""

GOLDEN = 0.6180339887498949
LARGEST_FLOAT16 = 60_000.0


def sampled_rows(rows: TokenRows, start: int, stop: int, d_in: int) -> NDArray[np.bool_]:
    """`[stop - start]` which rows of a text keep their inputs.

    A row is kept where it is in the sample of any text that begins in the same way, so that a longer
    run finds the shards of a shorter one right: all rows until there are enough tokens, then
    a share that falls with the number of tokens before. What is kept grows with the logarithm of the
    text; what a comparison reads of it (`in_sample`) does not grow.

    Args:
        rows: the whole text.
    """
    return _place(np.arange(start, stop)) < _share(rows.kept_before[start:stop], d_in)


def in_sample(row: NDArray[np.int64], n_tokens: int, d_in: int) -> NDArray[np.bool_]:
    """`[m]` whether rows belong to the sample of a text of `n_tokens`: the same share of all its parts."""
    return _place(row) < _share(np.array(n_tokens), d_in)


def _share(n_tokens: NDArray[np.int64], d_in: int) -> NDArray[np.float64]:
    return np.asarray(min(MAX_TOKENS, MAX_VALUES / d_in) / np.maximum(n_tokens, 1), dtype=np.float64)


def _place(row: NDArray[np.int64]) -> NDArray[np.float64]:
    """Weyl's sequence: any stretch of rows has its share, without a random state to carry along."""
    return np.asarray((row * GOLDEN) % 1.0, dtype=np.float64)


def pack(acts: NDArray[np.float32]) -> tuple[NDArray[np.float16], float]:
    """(`acts / scale` in float16, scale); the scale is 1 unless a value would overflow."""
    largest = float(np.abs(acts).max(initial=0.0))
    scale = max(1.0, largest / LARGEST_FLOAT16)
    return (acts / np.float32(scale)).astype(np.float16), scale


def unpack(acts: NDArray[np.float16], scale: float) -> NDArray[np.float32]:
    """What `pack` was given, to 11 bits."""
    return acts.astype(np.float32) * np.float32(scale)

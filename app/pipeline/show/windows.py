"""How much of a row is shown around a token."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from app.activations.batch import TokenRows

BEFORE, AFTER = 24, 10
"""Tokens shown before and after: what a latent fires on mostly lies before."""


def windows(
    rows: TokenRows, row: NDArray[np.int64], position: NDArray[np.integer]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """(start, stop) in its row of the stretch around each token.

    A stretch ends where the document does: at a special token or at the row's end.

    Args:
        rows: all rows of the text.
        row, position: `[n]` the tokens.
    """
    unique, which = np.unique(row, return_inverse=True)
    kept = rows.keep[unique]
    place = np.arange(kept.shape[1])
    # For each place: the last unscored place at or before it, and the first one at or after it.
    before = np.maximum.accumulate(np.where(kept, -1, place), axis=1)
    after = np.minimum.accumulate(np.where(kept, kept.shape[1], place)[:, ::-1], axis=1)[:, ::-1]
    start = np.maximum(position - BEFORE, before[which, position] + 1)
    stop = np.minimum(position + AFTER + 1, after[which, position])
    return start.astype(np.int64), stop.astype(np.int64)

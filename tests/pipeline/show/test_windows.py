"""Stretches around tokens, against walking outwards one token at a time."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from app.activations.batch import TokenRows
from app.pipeline.show.windows import AFTER, BEFORE, windows


def walk(kept: list[bool], position: int) -> tuple[int, int]:
    """As far as the tokens are scored, at most so many of them."""
    start = position
    while start > 0 and kept[start - 1] and position - start < BEFORE:
        start -= 1
    stop = position + 1
    while stop < len(kept) and kept[stop] and stop - position <= AFTER:
        stop += 1
    return start, stop


@given(st.integers(0, 10_000), st.sampled_from([1.0, 0.95, 0.6]))
def test_windows_against_a_walk(seed: int, share: float) -> None:
    rng = np.random.default_rng(seed)
    keep = rng.random((5, 70)) < share
    row, position = np.nonzero(keep)
    order = rng.permutation(len(row))
    row, position = row[order], position[order]
    start, stop = windows(TokenRows(np.zeros((5, 70), dtype=np.int32), keep), row, position)
    for index in range(len(row)):
        assert (start[index], stop[index]) == walk(keep[row[index]].tolist(), int(position[index]))


def test_no_token_no_window() -> None:
    rows = TokenRows(np.zeros((2, 8), dtype=np.int32), np.ones((2, 8), dtype=np.bool_))
    start, stop = windows(rows, np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64))
    assert len(start) == len(stop) == 0

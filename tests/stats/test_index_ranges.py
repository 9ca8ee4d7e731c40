from __future__ import annotations

import numpy as np

from app.stats.index_ranges import expand_ranges


def test_expand_writes_ranges_out() -> None:
    owner, index = expand_ranges(np.array([5, 7, 0]), np.array([7, 7, 3]))
    assert owner.tolist() == [0, 0, 2, 2, 2]
    assert index.tolist() == [5, 6, 0, 1, 2]


def test_expand_of_nothing() -> None:
    owner, index = expand_ranges(np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64))
    assert (len(owner), len(index)) == (0, 0)

"""On how many of a parent's tokens one of its children fires, against dense counting."""

from __future__ import annotations

import numpy as np
import pytest

from app.errors import ScoringError
from app.stats.coverage import Coverage
from tests.stats.dense_text import make_text, one_row_each


def test_hand_worked() -> None:
    coverage = Coverage(np.array([1, 2]), np.array([0, 0]), 3)
    coverage.update(one_row_each([[1, 2, 3], [1, 0, 0], [1, 0, 2], [0, 1, 1]]))
    assert coverage.finalize().tolist() == [2, 0, 0]


@pytest.mark.parametrize("sizes", [[8], [1, 3, 4]])
def test_equals_dense_under_any_split(sizes: list[int]) -> None:
    text = make_text(seed=11)
    n = text.reference.shape[1]
    child, parent = np.array([3, 4, 5, 5, 9]), np.array([0, 0, 1, 2, 3])
    coverage = Coverage(child, parent, n)
    for _, reference in text.shards(sizes):
        coverage.update(reference)
    fires = text.reference > 0
    expected = [int((fires[:, p] & fires[:, child[parent == p]].any(1)).sum()) for p in range(n)]
    assert coverage.finalize().tolist() == expected
    assert sum(expected) > 0


def test_another_width_is_refused() -> None:
    with pytest.raises(ScoringError):
        Coverage(np.array([1]), np.array([0]), 3).update(one_row_each([[1, 2]]))

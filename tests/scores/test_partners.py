"""Lists of partners by hand."""

from __future__ import annotations

import numpy as np

from app.scores.decomposition import Decomposition
from app.scores.partners import as_lists


def decomposition(partners: list[int], shares: list[float]) -> Decomposition:
    return Decomposition(np.array(partners, dtype=np.int64), np.array(shares) * 2, np.array(shares), 0.1)


def test_lists_are_padded() -> None:
    lists = as_lists([decomposition([3, 1], [0.7, 0.3]), decomposition([], []), decomposition([1], [1.0])])
    assert [lists.of(i).tolist() for i in range(3)] == [[3, 1], [], [1]]
    assert lists.shares.tolist() == [[0.7, 0.3], [0, 0], [1, 0]]
    assert lists.residual.tolist() == [0.1, 0.1, 0.1]


def test_without_any_partner_there_is_one_empty_column() -> None:
    assert as_lists([decomposition([], [])]).valid.tolist() == [[False]]


def test_main_partners_both_ways() -> None:
    """Reference latent 1 has a larger share in the last latent, 3 the same share in two: the first one."""
    lists = as_lists([decomposition([3, 1], [0.7, 0.3]), decomposition([], []), decomposition([3, 1], [0.7, 0.4])])
    found = lists.main_partners(5)
    assert found.narrow.tolist() == [3, -1, 3]
    assert found.reference.tolist() == [-1, 2, -1, 0, -1]

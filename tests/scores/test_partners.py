"""Lists of partners by hand."""

from __future__ import annotations

import numpy as np

from app.scores.decomposition import Decomposition
from app.scores.partners import as_lists

NO_OWN = np.full(3, -1)
"""Nothing says what a latent stands for."""


def decomposition(partners: list[int], shares: list[float]) -> Decomposition:
    return Decomposition(np.array(partners, dtype=np.int64), np.array(shares) * 2, np.array(shares), 0.1)


def test_lists_are_padded() -> None:
    lists = as_lists([decomposition([3, 1], [0.7, 0.3]), decomposition([], []), decomposition([1], [1.0])], NO_OWN)
    assert [lists.of(i).tolist() for i in range(3)] == [[3, 1], [], [1]]
    assert lists.shares.tolist() == [[0.7, 0.3], [0, 0], [1, 0]]
    assert lists.residual.tolist() == [0.1, 0.1, 0.1]


def test_without_any_partner_there_is_one_empty_column() -> None:
    assert as_lists([decomposition([], [])], NO_OWN[:1]).valid.tolist() == [[False]]


def test_main_partners_both_ways() -> None:
    """Reference latent 1 has a larger share in the last latent, 3 the same share in two: the first one."""
    lists = as_lists(
        [decomposition([3, 1], [0.7, 0.3]), decomposition([], []), decomposition([3, 1], [0.7, 0.4])], NO_OWN
    )
    found = lists.main_partners(5)
    assert found.narrow.tolist() == [3, -1, 3]
    assert found.reference.tolist() == [-1, 2, -1, 0, -1]


def test_the_latent_that_it_stands_for_comes_first() -> None:
    """It need not have the largest share, nor any."""
    lists = as_lists(
        [decomposition([3, 1], [0.7, 0.3]), decomposition([3, 1], [0.7, 0.3]), decomposition([], [])],
        np.array([1, 0, 2]),
    )
    assert [lists.of(i).tolist() for i in range(3)] == [[1, 3], [0, 3, 1], [2]]
    assert lists.shares.tolist() == [[0.3, 0.7, 0], [0, 0.7, 0.3], [0, 0, 0]]
    assert lists.weights[0].tolist() == [0.6, 1.4, 0]
    assert lists.main_partners(4).narrow.tolist() == [1, 0, 2]

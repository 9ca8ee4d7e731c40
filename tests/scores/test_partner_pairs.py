"""Which pairs are counted, by hand."""

from __future__ import annotations

import numpy as np

from app.scores.decomposition import Decomposition
from app.scores.mixing.results import NamedPartners
from app.scores.partner_pairs import partner_pairs
from app.scores.partners import as_lists


def named(pairs: list[tuple[int, int]]) -> NamedPartners:
    """Partners of which only the latents matter."""
    narrow, reference = np.array(pairs, dtype=np.int64).reshape(-1, 2).T
    one = np.ones(len(pairs))
    return NamedPartners(narrow, reference, one, one, one, one, one, one, one, one, one, one.astype(np.int64))


def decomposition(partners: list[int]) -> Decomposition:
    shares = np.full(len(partners), 1 / max(len(partners), 1))
    return Decomposition(np.array(partners, dtype=np.int64), shares, shares, 0.0)


def test_the_decomposition_comes_first_then_what_is_named_outside_it() -> None:
    lists = as_lists([decomposition([4, 2]), decomposition([]), decomposition([1])], np.array([4, -1, 1]))
    found = partner_pairs(lists, named([(0, 9), (0, 2), (0, 3), (1, 5), (1, 0)]))
    assert found.pairs.narrow.tolist() == [0, 0, 0, 0, 1, 1, 2]
    assert found.pairs.reference.tolist() == [4, 2, 9, 3, 5, 0, 1]
    assert found.listed.tolist() == [True, True, False, False, False, False, True]
    assert found.named.tolist() == [-1, 1, 0, 2, 3, 4, -1]
    # Latent 1 has no main partner: rank 0 stays free.
    assert found.rank.tolist() == [0, 1, 2, 3, 1, 2, 0]


def test_nothing_is_named() -> None:
    found = partner_pairs(as_lists([decomposition([3])], np.array([3])), named([]))
    assert (found.pairs.reference.tolist(), found.named.tolist()) == ([3], [-1])

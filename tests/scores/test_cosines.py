"""Nearest rows against brute force, c_dec and mutual best by hand."""

from __future__ import annotations

from math import sqrt

import numpy as np
import pytest
import scipy.stats
from numpy.typing import NDArray

from app.scores import cosines
from app.scores.cosines import cosines_of_pairs, mutual_best, nearest, neighbours
from tests.scores.random_rows import random_rows, unit

Floats = NDArray[np.float32]


def grid_rows(n: int) -> Floats:
    """Rows with few different, exact cosines to each other: signed axes and halves of four axes."""
    rng = np.random.default_rng(3)
    rows = np.zeros((n, 8))
    for row in rows:
        axes = rng.choice(8, size=1 if rng.random() < 0.5 else 4, replace=False)
        row[axes] = rng.choice([-1, 1], size=len(axes)) / sqrt(len(axes))
    return rows.astype(np.float32)


def by_hand(queries: Floats, decoder: Floats, alive: NDArray[np.bool_], k: int, same: bool) -> list[list[int]]:
    """Nearest rows with Python's own sort: descending cosine, then ascending index."""
    found = []
    for i, query in enumerate(queries):
        candidates = [j for j in range(len(decoder)) if alive[j] and not (same and i == j)]
        cosines = [sum(float(a) * float(b) for a, b in zip(query, decoder[j], strict=True)) for j in candidates]
        ranked = sorted((-cosine, j) for cosine, j in zip(cosines, candidates, strict=True))
        found.append([j for _, j in ranked[:k]])
    return found


@pytest.mark.parametrize("same", [False, True])
@pytest.mark.parametrize("k", [1, 3, 7, 40])
def test_nearest_breaks_ties_by_index(same: bool, k: int) -> None:
    decoder = grid_rows(30)
    alive = np.random.default_rng(5).random(30) < 0.7
    queries = decoder if same else grid_rows(45)[30:]
    found = nearest(queries, decoder, alive, k, same=same)
    for i, expected in enumerate(by_hand(queries, decoder, alive, k, same)):
        missing = k - len(expected)
        assert found.index[i].tolist() == expected + [-1] * missing
        np.testing.assert_array_equal(found.cosine[i, : len(expected)], decoder[expected] @ queries[i])
        assert np.isnan(found.cosine[i, len(expected) :]).all()


def test_nearest_is_the_same_in_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    rows, alive = random_rows(0, 50, 12), np.ones(50, dtype=np.bool_)
    whole = nearest(rows, rows, alive, 5, same=True)
    monkeypatch.setattr(cosines, "BLOCK", 7)
    parts = nearest(rows, rows, alive, 5, same=True)
    np.testing.assert_array_equal(parts.index, whole.index)
    np.testing.assert_allclose(parts.cosine, whole.cosine, atol=1e-6)


def test_dead_rows_are_no_match_and_have_one() -> None:
    """A dead row is nobody's neighbour; its own neighbours are all of the alive ones."""
    decoder = random_rows(1, 4, 6)
    found = nearest(decoder, decoder, np.array([True, True, False, True]), 3, same=True)
    assert sorted(found.index[2].tolist()) == [0, 1, 3]
    assert sorted(found.index[0].tolist()) == [-1, 1, 3]
    assert 2 not in found.index


def test_nothing_alive_gives_no_neighbour() -> None:
    found = nearest(random_rows(1, 3, 6), random_rows(2, 4, 6), np.zeros(4, dtype=np.bool_), 2)
    assert (found.index == -1).all()
    assert np.isnan(found.cosine).all()


def test_cosines_never_leave_their_range() -> None:
    rows = np.repeat(random_rows(4, 40, 576), 2, axis=0) * np.float32(1.000001)
    found = nearest(rows, -rows, np.ones(80, dtype=np.bool_), 80)
    assert found.cosine.max() <= 1
    assert found.cosine.min() >= -1


def test_rotation_changes_nothing() -> None:
    d, e = random_rows(6, 20, 32), random_rows(7, 60, 32)
    rotation = scipy.stats.ortho_group.rvs(32, random_state=8)
    alive = np.ones(60, dtype=np.bool_)
    plain = nearest(d, e, alive, 5)
    turned = nearest(unit(d @ rotation), unit(e @ rotation), alive, 5)
    np.testing.assert_array_equal(turned.index, plain.index)
    np.testing.assert_allclose(turned.cosine, plain.cosine, atol=1e-6)
    np.testing.assert_allclose(c_dec(unit(e @ rotation)), c_dec(e), atol=1e-6)


@pytest.mark.parametrize("alive_share", [1.0, 0.5, 0.0])
def test_neighbours_are_the_nearest_rows_of_the_same_decoder(
    alive_share: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cosines, "BLOCK", 8)
    rows = random_rows(18, 30, 6)
    alive = np.random.default_rng(0).random(30) < alive_share
    found, expected = neighbours(rows, alive, 4)[0], nearest(rows, rows, alive, 4, same=True)
    np.testing.assert_array_equal(found.index, expected.index)
    np.testing.assert_allclose(found.cosine, expected.cosine, rtol=1e-5)


def c_dec(rows: NDArray[np.float32]) -> NDArray[np.float32]:
    return neighbours(rows, np.ones(len(rows), dtype=np.bool_), 1)[1]


def test_c_dec_by_hand() -> None:
    """Rows x, (x + y)/√2, -y: mean |cosine| of each to the two others."""
    half = 1 / sqrt(2)
    rows = np.array([[1, 0], [half, half], [0, -1]], dtype=np.float32)
    assert c_dec(rows).tolist() == pytest.approx([half / 2, half, half / 2])


def test_c_dec_of_orthogonal_and_of_equal_rows_stays_in_range() -> None:
    orthogonal = scipy.stats.ortho_group.rvs(64, random_state=14).astype(np.float32)
    assert c_dec(orthogonal).min() >= 0
    assert c_dec(orthogonal).max() < 1e-6
    equal = np.repeat(random_rows(15, 1, 576), 50, axis=0) * np.float32(1.000001)
    assert c_dec(equal).max() <= 1


def test_c_dec_in_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = random_rows(16, 40, 8)
    whole = c_dec(rows)
    monkeypatch.setattr(cosines, "BLOCK", 6)
    np.testing.assert_allclose(c_dec(rows), whole, rtol=1e-5)


def test_c_dec_of_a_single_row_is_undefined() -> None:
    assert np.isnan(c_dec(random_rows(17, 1, 8))).all()


def test_mutual_best() -> None:
    forth = np.array([2, 0, 1, -1])
    back = np.array([0, 2, 0, 3])
    assert mutual_best(forth, back).tolist() == [True, False, True, False]


def test_cosines_of_pairs() -> None:
    d, e = random_rows(18, 5, 8), random_rows(19, 7, 8)
    i, j = np.array([4, 0, 4]), np.array([6, 0, 1])
    np.testing.assert_allclose(cosines_of_pairs(d, e, i, j), (d @ e.T)[i, j], atol=1e-6)

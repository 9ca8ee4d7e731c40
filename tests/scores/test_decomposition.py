"""Decompositions of directions made from known rows."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from app.scores.decomposition import MAX_PARTNERS, Decomposition, decompose

Floats = NDArray[np.float32]


def unit_rows(seed: int, n: int, d: int) -> Floats:
    rows = np.random.default_rng(seed).normal(size=(n, d))
    scaled: Floats = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
    return scaled


def axes(n: int) -> Floats:
    return np.eye(n, dtype=np.float32)


def on(direction: Floats, rows: Floats) -> Decomposition:
    """Decompose the unit vector along a direction; latents are numbered from 100."""
    scaled = (direction / np.linalg.norm(direction)).astype(np.float32)
    return decompose(scaled, rows, np.arange(len(rows)) + 100)


def test_a_mixture_of_orthogonal_rows_by_hand() -> None:
    """0.8 x - 0.6 z: shares are the squares, weights keep their signs."""
    found = on(np.array([0.8, 0, -0.6, 0], dtype=np.float32), axes(4))
    assert found.partners.tolist() == [100, 102]
    assert found.weights.tolist() == pytest.approx([0.8, -0.6])
    assert found.shares.tolist() == pytest.approx([0.64, 0.36])
    assert found.residual == pytest.approx(0, abs=1e-6)


def test_a_known_mixture_is_recovered() -> None:
    rows = unit_rows(0, 30, 64)
    mixed = 3 * rows[4] + 2 * rows[17] - rows[23]
    found = on(mixed, rows)
    assert set(found.partners.tolist()) == {104, 117, 123}
    expected = {104: 3.0, 117: 2.0, 123: -1.0}
    scale = np.linalg.norm(mixed)
    for latent, weight in zip(found.partners.tolist(), found.weights, strict=True):
        assert weight == pytest.approx(expected[latent] / scale, abs=1e-5)
    assert found.residual == pytest.approx(0, abs=1e-5)


@given(st.integers(0, 10_000), st.integers(1, 12), st.integers(2, 24))
def test_against_least_squares_on_the_chosen_rows(seed: int, n: int, d: int) -> None:
    """Weights, residual and shares of the chosen rows, from numpy's own regression on the rows themselves."""
    rows, direction = unit_rows(seed, n, d), unit_rows(seed + 1, 1, d)[0]
    found = on(direction, rows)
    if not len(found.partners):
        assert np.square(rows @ direction).max() < 0.01 + 1e-6
        assert found.residual == 1
        return
    chosen = rows[found.partners - 100].astype(np.float64)
    weights = np.linalg.lstsq(chosen.T, direction.astype(np.float64), rcond=None)[0]
    np.testing.assert_allclose(found.weights, weights, atol=1e-4)
    left = direction - chosen.T @ weights
    assert found.residual == pytest.approx(float(left @ left), abs=1e-5)
    contribution = np.maximum(weights * (chosen @ direction), 0)
    np.testing.assert_allclose(found.shares, contribution / contribution.sum(), atol=1e-4)
    assert found.shares.sum() == pytest.approx(1)
    assert (np.diff(found.shares) <= 0).all()
    assert len(found.partners) <= MAX_PARTNERS


def test_an_orthogonal_direction_is_all_residual() -> None:
    found = on(axes(4)[3], axes(4)[:3])
    assert len(found.partners) == len(found.weights) == len(found.shares) == 0
    assert found.residual == 1


def test_no_candidate_at_all() -> None:
    found = on(axes(3)[0], np.zeros((0, 3), dtype=np.float32))
    assert len(found.partners) == 0
    assert found.residual == 1


def test_a_zero_direction_has_no_partner() -> None:
    found = decompose(np.zeros(3, dtype=np.float32), axes(3), np.arange(3))
    assert len(found.partners) == 0
    assert found.residual == 1


@given(st.integers(0, 1000))
def test_the_order_of_candidates_changes_nothing(seed: int) -> None:
    rows, direction = unit_rows(seed, 12, 8), unit_rows(seed + 7, 1, 8)[0]
    order = np.random.default_rng(seed).permutation(12)
    plain, shuffled = decompose(direction, rows, np.arange(12)), decompose(direction, rows[order], order)
    assert shuffled.partners.tolist() == plain.partners.tolist()
    np.testing.assert_allclose(shuffled.weights, plain.weights, atol=1e-5)
    np.testing.assert_allclose(shuffled.shares, plain.shares, atol=1e-5)


def test_rotation_changes_nothing() -> None:
    rows, direction = unit_rows(1, 20, 16), unit_rows(2, 1, 16)[0]
    turn = scipy.stats.ortho_group.rvs(16, random_state=3).astype(np.float32)
    plain, turned = on(direction, rows), on(direction @ turn, rows @ turn)
    assert turned.partners.tolist() == plain.partners.tolist()
    np.testing.assert_allclose(turned.weights, plain.weights, atol=1e-5)


@pytest.mark.parametrize("nearly", [0.0, 1e-7])
def test_duplicates_of_a_row_break_nothing(nearly: float) -> None:
    rows = unit_rows(4, 6, 32)
    direction = 2 * rows[0] + rows[1]
    copies = np.concatenate([rows, rows + np.float32(nearly), rows])
    found = on(direction, copies)
    assert {latent % 6 for latent in (found.partners - 100).tolist()} == {0, 1}
    assert len(found.partners) == 2
    assert np.abs(found.weights).max() < 2
    np.testing.assert_allclose(found.shares, on(direction, rows).shares, atol=1e-5)


def test_shares_of_overlapping_rows_by_hand() -> None:
    """d = x, on the rows (x + y)/√2 and (x - y)/√2: weights 1/√2 each, half each."""
    half = np.float32(1 / np.sqrt(2))
    found = on(axes(2)[0], np.array([[half, half], [half, -half]]))
    assert found.weights.tolist() == pytest.approx([half, half])
    assert found.shares.tolist() == pytest.approx([0.5, 0.5])


def test_at_most_so_many_partners() -> None:
    found = on(np.ones(20, dtype=np.float32), axes(20))
    assert len(found.partners) == MAX_PARTNERS
    assert found.residual == pytest.approx(1 - MAX_PARTNERS / 20)


def test_a_row_that_explains_too_little_is_left_out() -> None:
    small = np.array([1, 0.09, 0.11], dtype=np.float32)
    assert on(small, axes(3)).partners.tolist() == [100, 102]

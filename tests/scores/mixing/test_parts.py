"""The pieces of the hedging score, each against a plain calculation."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp

from app.scores.mixing.composition import Composition, inverse_gram
from app.scores.mixing.inference import false_discovery_rates, interval, like_density, quantile_of_like_density
from app.scores.mixing.masses import inside_span, ridge_with_signs
from app.scores.mixing.products import sample_products
from tests.scores.mixing.known_world import N_TOKENS, KnownWorld


@pytest.mark.parametrize("with_tables", [True, False])
def test_weights_are_those_of_the_joint_regression(with_tables: bool) -> None:
    world = KnownWorld.make()
    sample = world.sample(world.acts[:, :20])
    composition = Composition(sample, 0, sample_products(sample) if with_tables else None)
    latents = np.array([0, 5])
    half = world.acts[: N_TOKENS // 2]
    centred = half - half.mean(axis=0)
    expected = np.linalg.lstsq(centred[:, :20], centred, rcond=None)[0][latents]
    assert composition.weights(latents) == pytest.approx(expected, abs=5e-3)
    assert composition.weights(latents, composition.left_over(latents)) == pytest.approx(expected, abs=5e-3)
    some = np.array([3, 20, 39])
    (found,) = composition.weights_with(slice(5, 6), [some])
    assert found == pytest.approx(expected[1, some], abs=5e-3)


@pytest.mark.parametrize("n", [1, 5, 1500])
def test_the_inverse_is_symmetric_and_right(n: int) -> None:
    acts = sp.random_array((4000, n), density=0.02, rng=np.random.default_rng(0), format="csr", dtype=np.float32)
    inverse = inverse_gram(acts)
    dense = acts.toarray().astype(np.float64)
    dense -= dense.mean(axis=0)
    gram = dense.T @ dense
    gram[np.diag_indices(n)] += 1e-3 * np.diagonal(gram) + 1e-6 * np.diagonal(gram).max()
    np.testing.assert_array_equal(inverse, inverse.T)
    np.testing.assert_allclose(inverse @ gram, np.eye(n), atol=1e-4)


def test_ridge_with_signs_drops_what_has_the_wrong_sign() -> None:
    gram = np.array([[1.0, 0.5], [0.5, 1.0]])
    free = ridge_with_signs(gram, np.array([1.0, 0.2]), np.ones(2), np.array([1.0, -1.0]), 1e-9)
    assert free == pytest.approx(np.linalg.solve(gram, [1.0, 0.2]), abs=1e-6)
    held = ridge_with_signs(gram, np.array([1.0, 0.2]), np.ones(2), np.array([1.0, 1.0]), 1e-9)
    assert held == pytest.approx([1.0, 0.0], abs=1e-6)
    assert not ridge_with_signs(gram, np.array([1.0, 0.2]), np.zeros(2), np.ones(2), 1e-3).any()


def test_inside_span_leaves_what_rows_span() -> None:
    rows = np.array([[1.0, 0, 0], [0.6, 0.8, 0]])
    assert inside_span(rows @ rows.T, rows @ np.ones(3)) == pytest.approx(rows @ np.ones(3))


def test_false_discovery_rates_are_benjamini_and_hochbergs() -> None:
    q = false_discovery_rates(np.array([0.01, 0.04, 0.03]), 4)
    assert q == pytest.approx([0.04, 0.16 / 3, 0.16 / 3])
    assert not len(false_discovery_rates(np.empty(0), 0))


def test_the_interval_is_cut_to_shares() -> None:
    low, high = interval(np.array([0.5, 0.02]), np.array([[0.5, 0.0], [0.5, 0.2], [0.5, 0.0], [0.5, 0.2]]))
    assert low.tolist() == [0.5, 0.0]
    assert high[0] == 0.5
    # Student's t for three degrees of freedom; the jackknife's variance from the spread of the four.
    assert high[1] == pytest.approx(0.02 + 3.182446 * np.sqrt(9 / 4 * np.var([0, 0.2, 0, 0.2], ddof=1)))


def test_like_density_moves_every_row_to_a_like_one() -> None:
    n = np.arange(100) ** 2
    other = like_density(n, np.random.default_rng(0))
    assert sorted(other.tolist()) == list(range(100))
    assert (other != np.arange(100)).all()
    assert np.abs(other - np.arange(100)).max() < 20


def test_chance_levels_are_those_of_latents_of_similar_density() -> None:
    few = np.array([0.1, 0.3, 0.2])
    assert quantile_of_like_density(few, np.array([5, 1, 9]), 0.95) == pytest.approx(np.full(3, np.quantile(few, 0.95)))
    # 300 latents whose values rise with density, in another order: each level is that of 128 neighbours.
    order = np.random.default_rng(0).permutation(300)
    found = quantile_of_like_density(np.arange(300.0)[order], order + 10, 0.5)[np.argsort(order)]
    assert found[150] == pytest.approx(np.median(np.arange(150 - 64, 150 + 64)))
    assert found[0] == pytest.approx(np.median(np.arange(128)))
    assert found[299] == pytest.approx(np.median(np.arange(172, 300)))

"""Worlds written out, and theory against brute force."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import minimize

from app.arrays import Float64s
from app.lab.toy_worlds import (
    ToyWorld,
    best_single_latent,
    covariance,
    family_world,
    pair_world,
    world_of,
)
from tests.lab.all_or_nothing import all_or_nothing

WORLDS = {
    "independent": pair_world(0.3, 0.2),
    "child": family_world(0.3, (0.2,)),
    "correlated": pair_world(0.3, 0.2, 0.5),
    "anti-correlated": pair_world(0.3, 0.2, -0.3),
    "family": family_world(0.5, (0.2, 0.1, 0.4)),
}


def test_pairs_have_the_asked_for_moments() -> None:
    world = pair_world(0.3, 0.2, 0.5)
    assert world.firing == pytest.approx([0.3, 0.2])
    c = covariance(world.patterns, world.probabilities)
    assert c[0, 1] / np.sqrt(c[0, 0] * c[1, 1]) == pytest.approx(0.5)


def test_families() -> None:
    world = family_world(0.5, (0.2, 0.1))
    assert world.firing == pytest.approx([0.5, 0.1, 0.05])
    assert len(world.patterns) == 5
    orphans = world.patterns[(world.patterns[:, 0] == 0)]
    assert orphans.tolist() == [[0, 0, 0]]


def test_probabilities_that_are_none() -> None:
    with pytest.raises(ValueError, match="sum to 1"):
        pair_world(0.3, 0.2, -0.5)
    with pytest.raises(ValueError, match="sum to 1"):
        world_of([((0, 1), 0.4), ((1, 1), 0.4)])


def test_samples_come_as_often_as_the_table_says() -> None:
    world = WORLDS["correlated"]
    drawn = world.sample(40_000, np.random.default_rng(0))
    shares = [(drawn == pattern).all(axis=1).mean() for pattern in world.patterns]
    assert shares == pytest.approx(world.probabilities.tolist(), abs=0.01)


def squared_error(parameters: Float64s, world: ToyWorld, fires: np.ndarray) -> float:
    """Expected error of decoder d and bias b, the latent's value being free where it fires."""
    n = world.n_features
    d, b = parameters[:n] / np.linalg.norm(parameters[:n]), parameters[n:]
    rest = world.patterns - b
    rest = rest - np.where(fires, rest @ d, 0.0)[:, None] * d
    return float(world.probabilities @ np.square(rest).sum(axis=1))


@pytest.mark.parametrize("name", WORLDS)
@pytest.mark.parametrize("always", [False, True])
def test_the_closed_form_is_the_minimum(name: str, always: bool) -> None:
    """Against a numerical search from several starts."""
    world = WORLDS[name]
    fires = np.ones(len(world.patterns), dtype=bool) if always else world.patterns[:, 0] == 1
    best = best_single_latent(world, fires)
    rng = np.random.default_rng(0)
    starts = rng.standard_normal((6, 2 * world.n_features))
    found = min(minimize(squared_error, start, args=(world, fires)).fun for start in starts)
    ours = squared_error(np.concatenate([best.decoder, best.b_dec]), world, fires)
    assert ours == pytest.approx(found, abs=1e-6)


def test_a_latent_that_always_fires_is_the_first_principal_component() -> None:
    world = WORLDS["family"]
    always = best_single_latent(world, np.ones(len(world.patterns), dtype=bool))
    first = np.linalg.eigh(covariance(world.patterns, world.probabilities))[1][:, -1]
    assert abs(always.decoder @ first) == pytest.approx(1)


def test_known_values() -> None:
    """Independent features: feature 1 alone, with p2 in the bias. A child of 0.2: 1/sqrt(1.04) where the latent is
    all or nothing."""
    best = best_single_latent(WORLDS["independent"], WORLDS["independent"].patterns[:, 0] == 1)
    assert best.decoder == pytest.approx([1, 0])
    assert best.b_dec == pytest.approx([0, 0.2])
    assert all_or_nothing(WORLDS["independent"]) == pytest.approx([1, 0])
    assert all_or_nothing(WORLDS["child"]) == pytest.approx([1 / np.sqrt(1.04), 0.2 / np.sqrt(1.04)])
    assert all_or_nothing(WORLDS["correlated"])[1] > 0.3
    assert all_or_nothing(WORLDS["anti-correlated"])[1] < -0.2

"""What the checks on a real model are made of: copies, grafts, planted features, and the truth of each."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import scipy.sparse as sp

from app.errors import SaeError
from app.lab.checks.grafts import grafted
from app.lab.checks.planted import plant, with_features
from app.lab.checks.resynthesis import least_squares
from app.lab.grafts import Grafts, choose_copies, make_grafts
from app.lab.threshold_sae import ThresholdSae
from app.sae.load import load_sae
from tests.saved_saes import save_sae
from tests.scores.mixing.known_world import KnownWorld

D_IN, N = 64, 40


@pytest.fixture(scope="module")
def world() -> KnownWorld:
    return KnownWorld.make()


@pytest.fixture(scope="module")
def reference(world: KnownWorld) -> ThresholdSae:
    rng = np.random.default_rng(1)
    b_dec = rng.standard_normal(D_IN).astype(np.float32)
    return ThresholdSae(
        weight=world.features.T,
        bias=-b_dec @ world.features.T,
        threshold=np.full(N, 0.1, dtype=np.float32),
        rows=world.features,
        norms=rng.uniform(0.5, 2, N).astype(np.float32),
        b_dec=b_dec,
    )


def test_a_threshold_sae_is_saved_as_it_is(reference: ThresholdSae, world: KnownWorld, tmp_path: Path) -> None:
    reference.save(tmp_path / "sae")
    again = ThresholdSae.of(load_sae(str(tmp_path / "sae")))
    inputs = world.inputs + reference.b_dec
    assert again.encode(inputs) == pytest.approx(reference.encode(inputs), abs=1e-4)
    assert again.rows == pytest.approx(reference.rows, abs=1e-5)
    # The features' activations, but for the inputs' noise and what stays below the threshold.
    assert np.abs(reference.encode(inputs) / reference.norms - world.acts)[world.acts > 0.3].max() < 0.12


def test_some_latents_of_one_fire_as_before(reference: ThresholdSae, world: KnownWorld) -> None:
    chosen = np.array([7, 3, 30])
    assert reference.take(chosen).encode(world.inputs) == pytest.approx(reference.encode(world.inputs)[:, chosen])


def test_latents_that_fire_by_rank_can_not_be_copied(tmp_path: Path) -> None:
    with pytest.raises(SaeError, match="can't be copied one by one"):
        ThresholdSae.of(load_sae(str(save_sae(tmp_path / "topk", "topk"))))


@pytest.fixture(scope="module")
def made(world: KnownWorld) -> Grafts:
    return make_grafts(sp.csc_array(world.acts), world.features, 30, seed=3)


def test_grafts_hold_what_they_say(made: Grafts, world: KnownWorld) -> None:
    assert len(set(made.chosen.tolist())) == 30
    for k, partners in enumerate(made.partners):
        row = world.features[made.chosen[k]] + made.each[k] * world.features[partners].sum(axis=0)
        assert made.rows[k] == pytest.approx(row / np.linalg.norm(row), abs=1e-6)
        assert len(partners) == 0 or abs(made.each[k]) * np.sqrt(len(partners)) == pytest.approx(made.alpha[k])
    mixed = made.alpha > 0
    assert made.truth == pytest.approx(made.alpha**2 / (1 + made.alpha**2), abs=1e-6)
    assert 3 < mixed.sum() < 30


def test_partners_fire_with_the_latent_or_exclude_it(made: Grafts, world: KnownWorld) -> None:
    fires = world.acts > 0
    for k in np.flatnonzero(made.alpha):
        for j in made.partners[k]:
            together = np.corrcoef(fires[:, made.chosen[k]], fires[:, j])[0, 1]
            assert np.sign(together) == np.sign(made.each[k])
            assert abs(together) > 0.03


def test_a_graft_may_read_what_it_holds(made: Grafts, reference: ThresholdSae, world: KnownWorld) -> None:
    plain, pulled = (grafted(reference, made, with_encoder=each) for each in (False, True))
    inputs = world.inputs + reference.b_dec
    # A threshold that is never reached: what is compared is the pre-activation.
    low = np.full(30, -1e9, dtype=np.float32)
    own, along = (replace(each, threshold=low).encode(inputs) for each in (plain, pulled))
    of_all = replace(reference, threshold=np.full(N, -1e9, dtype=np.float32)).encode(inputs)
    for k, partners in enumerate(made.partners):
        expected = own[:, k] + made.each[k] * of_all[:, partners].sum(axis=1)
        assert along[:, k] == pytest.approx(expected, abs=1e-3)


def test_copies_are_latents_that_fire(world: KnownWorld) -> None:
    acts = world.acts.copy()
    acts[50:, :20] = 0
    assert choose_copies(sp.csc_array(acts), 20, seed=0).min() >= 20


def test_a_least_squares_decoder_is_the_sum_of_its_masses(world: KnownWorld) -> None:
    truth = least_squares(world.acts[:, :20], world.acts, world.features)
    expected = 1 - np.square(np.einsum("ij,ij->i", truth.rows, world.features[:20]))
    assert truth.mixed == pytest.approx(expected, abs=1e-4)
    assert (truth.mixed[:6] > 0.05).all()
    # Feature 20 + k is nearly all that is mixed into k.
    assert truth.visible[:6] == pytest.approx(truth.mixed[:6], abs=0.02)
    assert truth.halves[:6].tolist() == [1] * 6


def test_planted_features_are_read_by_the_reference(reference: ThresholdSae, world: KnownWorld) -> None:
    planted = plant(world.inputs, 3, np.random.default_rng(5))
    n = len(planted.sizes)
    assert (n, planted.directions.shape) == (21, (21, D_IN))
    fires = planted.acts > 0
    # A child only with its parent; features of a pair that excludes never together.
    assert not (fires[:, 2::7] & ~fires[:, 1::7]).any()
    assert not (fires[:, 5::7] & fires[:, 6::7]).any()
    large = replace(planted, acts=planted.acts * 20, sizes=planted.sizes * 20)
    found = with_features(reference, large, world.inputs)
    assert len(found.bias) == N + n
    single = large.acts[:, :1] @ large.directions[:1]
    read = found.encode((world.inputs + single).astype(np.float32))[:, N]
    is_usual = large.acts[:, 0] > 0.75 * large.sizes[0]
    assert read[is_usual] == pytest.approx(large.acts[is_usual, 0], abs=3)
    assert (read[large.acts[:, 0] == 0] == 0).all()

"""What the score is compared with, and what an impure row is made of, on tokens whose features are known."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp

from app.lab.attribution import attribute
from app.lab.meta_sae import MetaSae
from app.lab.metrics import auroc
from app.lab.version3 import version_3
from tests.scores.mixing.known_world import N_FEATURES, KnownWorld, graft


@pytest.fixture(scope="module")
def world() -> KnownWorld:
    return KnownWorld.make()


def test_version_3_finds_what_a_least_squares_decoder_mixes_in(world: KnownWorld) -> None:
    # The narrow SAE lacks features 20 to 39, of which 20 to 25 come with 0 to 5.
    narrow = world.acts[:, :20]
    centred = narrow - narrow.mean(axis=0)
    rows = np.linalg.lstsq(centred, world.inputs - world.inputs.mean(axis=0), rcond=None)[0]
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    truth = 1 - np.square(np.einsum("ij,ij->i", rows, world.features[:20]))
    found = version_3(world.sample(narrow), rows.astype(np.float32), np.ones(N_FEATURES, dtype=np.bool_))
    assert found[:6] == pytest.approx(truth[:6], abs=0.08)
    assert found[12:].max() < found[:6].min()


def test_version_3_is_undefined_where_a_latent_hardly_fires(world: KnownWorld) -> None:
    narrow = world.acts[:, :20].copy()
    narrow[30:, 3] = 0
    found = version_3(world.sample(narrow), world.features[:20], np.ones(N_FEATURES, dtype=np.bool_))
    assert np.isnan(found[3])
    assert not np.isnan(found[[0, 1, 2]]).any()


def test_a_meta_sae_splits_rows_that_are_sums() -> None:
    rng = np.random.default_rng(0)
    metas = np.linalg.qr(rng.standard_normal((48, 16)))[0].T
    single = metas[rng.integers(0, 16, 400)]
    first = rng.integers(0, 16, 400)
    double = metas[first] + metas[(first + rng.integers(1, 16, 400)) % 16]
    rows = np.concatenate([single, double / np.sqrt(2)])
    rows += 0.02 * rng.standard_normal(rows.shape)
    rows = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
    share = MetaSae.of(rows).share_of_others(rows)
    assert ((share >= 0) & (share <= 1)).all()
    assert auroc(share, np.arange(800) >= 400) > 0.7


def test_masses_are_attributed_to_their_cause(world: KnownWorld) -> None:
    # 0: feature 20 comes with it. 6: feature 26 excludes it. 15: feature 38 does what it likes.
    rows = graft(world, {0: 0.5, 6: -0.5})
    rows[15] = (rows[15] + 0.5 * world.features[38]) / np.sqrt(1.25)
    rows[6] = (world.features[6] + 0.5 * world.features[26]) / np.sqrt(1.25)
    acts = world.acts[:, :20].copy()
    # It fires on the feature that excludes its own: that is merging.
    acts[:, 6] += 0.5 * world.acts[:, 26]
    found = attribute(rows, world.features, sp.csc_array(acts), sp.csc_array(world.acts))
    assert found.own.tolist() == list(range(20))
    assert found.hedged[0] == pytest.approx(0.2, abs=0.01)
    assert found.merged[6] == pytest.approx(0.2, abs=0.01)
    assert found.superposition[15] == pytest.approx(0.2, abs=0.01)
    total = found.hedged + found.merged + found.superposition
    assert total[[1, 2, 12, 13]] == pytest.approx(np.zeros(4), abs=0.01)
    assert total == pytest.approx(1 - np.square(np.einsum("ij,ij->i", rows, world.features[:20])), abs=0.01)


def test_an_excluding_feature_that_the_latent_ignores_is_hedged(world: KnownWorld) -> None:
    rows = graft(world, {6: -0.5})
    found = attribute(rows, world.features, sp.csc_array(world.acts[:, :20]), sp.csc_array(world.acts))
    assert found.hedged[6] == pytest.approx(0.2, abs=0.01)
    assert found.merged[6] == 0

"""What the hedging score has to hold, on tokens whose features are known."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import scipy.sparse as sp

from app.stats.input_sample import Sample
from tests.scores.mixing.known_world import D_IN, N_FEATURES, KnownWorld, graft, partners_of, score


@pytest.fixture(scope="module")
def world() -> KnownWorld:
    return KnownWorld.make()


def test_copies_score_0(world: KnownWorld) -> None:
    found = world.score(world.acts[:, :20], world.features[:20])
    assert (found.score <= 0.05).all()
    assert not len(found.partners.narrow)
    assert found.own.tolist() == list(range(20))


def test_the_reference_against_itself_scores_0(world: KnownWorld) -> None:
    assert (world.score(world.acts, world.features).score <= 0.05).all()


@pytest.mark.parametrize("alpha", [0.25, 0.5, 1.0])
def test_grafts_score_what_was_mixed_in_and_name_the_partner(world: KnownWorld, alpha: float) -> None:
    signs = dict.fromkeys(range(6), alpha) | dict.fromkeys(range(6, 12), -alpha)
    found = world.score(world.acts[:, :20], graft(world, signs))
    truth = alpha**2 / (1 + alpha**2)
    assert found.score[:12] == pytest.approx(np.full(12, truth), abs=0.04 + 0.15 * truth)
    assert [partners_of(found, k) for k in range(12)] == [[20 + k] for k in range(12)]
    assert np.sign(found.partners.weight).tolist() == [1] * 6 + [-1] * 6
    assert (found.score[12:] <= 0.05).all()


def test_several_partners_are_all_named(world: KnownWorld) -> None:
    # Feature 26 excludes 6; 20 comes with 0, and is made to come with 6 too.
    acts = world.acts.copy()
    acts[:, 27] = np.where(acts[:, 0] > 0, acts[:, 27] + (np.arange(len(acts)) % 2), acts[:, 27])
    inputs = world.inputs + (acts - world.acts) @ world.features
    rows = graft(world, {0: 0.5})
    rows[0] = (world.features[0] + 0.5 * world.features[20] + 0.5 * world.features[27]) / np.sqrt(1.5)
    two = replace(world, acts=acts, inputs=inputs.astype(np.float32))
    found = two.score(acts[:, :20], rows)
    assert sorted(partners_of(found, 0)) == [20, 27]
    assert found.score[0] == pytest.approx(1 / 3, abs=0.06)


def test_a_graft_that_pulls_the_encoder_along(world: KnownWorld) -> None:
    narrow = world.acts[:, :20].copy()
    narrow[:, 0] = world.acts[:, 0] + 0.5 * world.acts[:, 20]
    found = world.score(narrow, graft(world, {0: 0.5}))
    assert partners_of(found, 0) == [20]
    assert found.score[0] == pytest.approx(0.2, abs=0.07)


def test_the_score_rises_with_the_mixture(world: KnownWorld) -> None:
    rise = {k: 0.15 * (k + 1) for k in range(6)}
    assert (np.diff(world.score(world.acts[:, :20], graft(world, rise)).score[:6]) > 0).all()


def test_a_mixture_without_co_firing_is_not_hedging(world: KnownWorld) -> None:
    rows = world.features[:20].copy()
    rows[15] = (rows[15] + 0.5 * world.features[38]) / np.sqrt(1.25)
    assert partners_of(world.score(world.acts[:, :20], rows), 15) == []


def test_the_score_is_the_sum_of_its_partners(world: KnownWorld) -> None:
    found = world.score(world.acts[:, :20], graft(world, {0: 0.5, 7: -0.5}))
    partners = found.partners
    assert np.bincount(partners.narrow, weights=partners.mass, minlength=20) == pytest.approx(found.score)
    assert (found.low <= found.score).all()
    assert (found.score <= found.high).all()
    assert partners.mass.tolist() == np.maximum(partners.composition, partners.residual).tolist()
    assert (partners.q <= 0.05).all()
    assert (partners.mass >= 0.005).all()


def test_a_least_squares_decoder_scores_what_it_mixes(world: KnownWorld) -> None:
    # The narrow SAE lacks features 20 to 39: its best decoder hedges where one of them comes with its own.
    narrow = world.acts[:, :20]
    centred = narrow - narrow.mean(axis=0)
    rows = np.linalg.lstsq(centred, world.inputs - world.inputs.mean(axis=0), rcond=None)[0]
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    truth = 1 - np.square(np.einsum("ij,ij->i", rows, world.features[:20]))
    found = world.score(narrow, rows.astype(np.float32)).score
    assert found == pytest.approx(truth, abs=0.05)
    assert (found[:6] > 0.05).all()


def test_permuted_latents_have_permuted_scores(world: KnownWorld) -> None:
    rows = graft(world, {0: 0.5, 1: 0.3, 7: -0.5})
    rng = np.random.default_rng(1)
    order, other = rng.permutation(20), rng.permutation(N_FEATURES)
    plain = world.score(world.acts[:, :20], rows)
    mixed = score(world.sample(world.acts[:, order], order=other), rows[order], world.features[other])
    assert mixed.score == pytest.approx(plain.score[order], abs=1e-4)
    assert other[mixed.own].tolist() == plain.own[order].tolist()


def test_rotation_changes_nothing(world: KnownWorld) -> None:
    rows = graft(world, {0: 0.5, 7: -0.5})
    turn = np.linalg.qr(np.random.default_rng(2).standard_normal((D_IN, D_IN)))[0].astype(np.float32)
    sample = world.sample(world.acts[:, :20])
    turned = replace(sample, inputs=world.inputs @ turn)
    expected = score(sample, rows, world.features).score
    assert score(turned, rows @ turn, world.features @ turn).score == pytest.approx(expected, abs=1e-3)


def test_biases_drop_out(world: KnownWorld) -> None:
    rows, sample = graft(world, {0: 0.5}), world.sample(world.acts[:, :20])
    moved = replace(sample, inputs=world.inputs + 3)
    expected = score(sample, rows, world.features).score
    assert score(moved, rows, world.features).score == pytest.approx(expected, abs=1e-3)


def test_chance_finds_nothing_in_grafts(world: KnownWorld) -> None:
    found = world.score(world.acts[:, :20], graft(world, dict.fromkeys(range(6), 0.5)))
    assert found.chance_level < 0.1
    assert (found.score[:6] > found.chance_level).all()


def test_shuffled_activations_score_0(world: KnownWorld) -> None:
    narrow = world.acts[np.random.default_rng(3).permutation(len(world.acts)), :20]
    found = world.score(narrow, graft(world, dict.fromkeys(range(6), 0.5)))
    assert (found.score <= 0.05).all()


def test_halves_of_the_text_agree(world: KnownWorld) -> None:
    rows = graft(world, {k: 0.12 * (k + 1) for k in range(6)})
    sample = world.sample(world.acts[:, :20])
    one, other = (score(half(sample, first), rows, world.features).score for first in (0, 1))
    assert np.corrcoef(one, other)[0, 1] > 0.95


def half(sample: Sample, first: int) -> Sample:
    """Every second token."""
    chosen = slice(first, None, 2)
    narrow, reference = (sp.csc_array(rows[chosen]) for rows in (sample.narrow_rows, sample.reference_rows))
    row, position = sample.row[chosen], sample.position[chosen]
    return Sample(sample.inputs[chosen], narrow, reference, sample.bounds // 2, row, position)


def test_latents_that_hardly_fire_have_no_score(world: KnownWorld) -> None:
    narrow = world.acts[:, :20].copy()
    narrow[:, 3] = 0
    narrow[20:, 4] = 0
    found = world.score(narrow, world.features[:20])
    assert np.isnan(found.score).nonzero()[0].tolist() == [3, 4]
    assert found.own[[3, 4]].tolist() == [-1, -1]


def test_a_text_of_fewer_rows_than_groups_has_no_score(world: KnownWorld) -> None:
    sample = world.sample(world.acts[:, :20])
    lacking = replace(sample, bounds=np.array([0, 4096, 8192, 8192, 8192]))
    found = score(lacking, world.features[:20], world.features)
    assert np.isnan(found.score).all()
    assert np.isnan(found.chance_level)


def test_a_latent_that_fires_on_its_partner_alone_is_hinted_at_as_merged(world: KnownWorld) -> None:
    narrow = world.acts[:, :20].copy()
    narrow[:, 0] = world.acts[:, 0] + world.acts[:, 20]
    found = world.score(narrow, graft(world, {0: 1.0}))
    assert partners_of(found, 0) == [20]
    assert found.partners.merged.tolist() == [True]
    assert found.partners.p_alone[0] > 0.9
    assert found.merged[0] == pytest.approx(found.score[0])

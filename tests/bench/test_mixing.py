"""What a hedging score has to hold, on arrays whose features are known."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
import scipy.sparse as sp
from numpy.typing import NDArray

from bench.mixing.calls import label_of
from bench.mixing.evidence import Activations, Composition
from bench.mixing.inference import Firings, false_discovery_rates, interval, like_density
from bench.mixing.masses import inside_span, ridge_with_signs
from bench.mixing.mixing import mixing
from bench.mixing.results import Mixing

Singles = NDArray[np.float32]
N_TOKENS, N_FEATURES, D_IN = 8192, 40, 64


@dataclass(frozen=True)
class World:
    """40 orthonormal features; 20 + k comes with k on 40 % of its tokens (k < 6) or never (6 <= k < 12)."""

    features: Singles
    acts: Singles
    inputs: Singles

    @classmethod
    def make(cls, seed: int = 0) -> World:
        rng = np.random.default_rng(seed)
        fires = rng.random((N_TOKENS, N_FEATURES)) < rng.uniform(0.05, 0.12, N_FEATURES)
        for k in range(6):
            fires[:, 20 + k] = np.where(fires[:, k], rng.random(N_TOKENS) < 0.4, rng.random(N_TOKENS) < 0.02)
        for k in range(6, 12):
            fires[:, k] = rng.random(N_TOKENS) < 0.25
            fires[:, 20 + k] = ~fires[:, k] & (rng.random(N_TOKENS) < 0.3)
        acts = (fires * np.maximum(1 + 0.25 * rng.standard_normal(fires.shape), 0.2)).astype(np.float32)
        features = np.linalg.qr(rng.standard_normal((D_IN, N_FEATURES)))[0].T.astype(np.float32)
        inputs = acts @ features + 0.02 * rng.standard_normal((N_TOKENS, D_IN)).astype(np.float32)
        return cls(features, acts, inputs.astype(np.float32))

    def score(
        self,
        narrow: Singles,
        decoder: Singles,
        *,
        rows: Singles | None = None,
        inputs: Singles | None = None,
        order: NDArray[np.int64] | None = None,
    ) -> Mixing:
        """Score a narrow SAE of given activations and rows against the features (in another order, if given)."""
        order = np.arange(N_FEATURES) if order is None else order
        reference = self.acts[:, order]
        rows = self.features[order] if rows is None else rows
        bounds = np.linspace(0, N_TOKENS, 5).astype(np.int64)
        acts = Activations(
            sp.csc_array(narrow), sp.csc_array(reference), self.inputs if inputs is None else inputs, bounds
        )
        both = (narrow > 0).T.astype(np.int64) @ (reference > 0).astype(np.int64)
        firings = Firings(sp.csr_array(both), (narrow > 0).sum(axis=0), (reference > 0).sum(axis=0), N_TOKENS)
        return mixing(acts, firings, decoder, rows, (reference > 0).sum(axis=0) >= 30)


@pytest.fixture(scope="module")
def world() -> World:
    return World.make()


def graft(world: World, alphas: dict[int, float]) -> Singles:
    """Rows of features 0 to 19; k gets alpha of feature 20 + k."""
    rows = world.features[:20].astype(np.float64).copy()
    for k, alpha in alphas.items():
        rows[k] += alpha * world.features[20 + k]
    unit: Singles = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
    return unit


def test_copies_score_0(world: World) -> None:
    found = world.score(world.acts[:, :20], world.features[:20])
    assert (found.score <= 0.05).all()
    assert not any(latent.partners for latent in found.latents)
    assert [latent.own for latent in found.latents] == list(range(20))


def test_reference_against_itself_scores_0(world: World) -> None:
    assert (world.score(world.acts, world.features).score <= 0.05).all()


@pytest.mark.parametrize("alpha", [0.25, 0.5, 1.0])
def test_grafts_score_what_was_mixed_in_and_name_the_partner(world: World, alpha: float) -> None:
    signs = dict.fromkeys(range(6), alpha) | dict.fromkeys(range(6, 12), -alpha)
    found = world.score(world.acts[:, :20], graft(world, signs))
    truth = alpha**2 / (1 + alpha**2)
    for k in range(12):
        assert found.score[k] == pytest.approx(truth, abs=0.04 + 0.15 * truth)
        assert [partner.index for partner in found.latents[k].partners] == [20 + k]
        assert np.sign(found.latents[k].partners[0].weight) == (1 if k < 6 else -1)
    assert (found.score[12:] <= 0.05).all()


def test_score_rises_with_the_mixture(world: World) -> None:
    rise = {k: 0.15 * (k + 1) for k in range(6)}
    score = world.score(world.acts[:, :20], graft(world, rise)).score[:6]
    assert (np.diff(score) > 0).all()


def test_mixture_without_co_firing_is_not_hedging(world: World) -> None:
    rows = world.features[:20].copy()
    rows[15] = (rows[15] + 0.5 * world.features[38]) / np.sqrt(1.25)
    assert world.score(world.acts[:, :20], rows).latents[15].partners == ()


def test_score_is_the_sum_of_its_partners(world: World) -> None:
    for latent in world.score(world.acts[:, :20], graft(world, {0: 0.5, 7: -0.5})).latents:
        assert latent.score == pytest.approx(sum(partner.mass for partner in latent.partners))
        assert latent.low <= latent.score <= latent.high
        assert all(partner.q <= 0.05 and partner.mass >= 0.005 for partner in latent.partners)


def test_a_least_squares_decoder_scores_what_it_mixes(world: World) -> None:
    # The narrow SAE lacks features 20 to 39: its best decoder hedges where one of them comes with its own.
    narrow = world.acts[:, :20]
    centred = narrow - narrow.mean(axis=0)
    rows = np.linalg.lstsq(centred, world.inputs - world.inputs.mean(axis=0), rcond=None)[0]
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    truth = 1 - np.square(np.einsum("ij,ij->i", rows, world.features[:20]))
    score = world.score(narrow, rows.astype(np.float32)).score
    assert score == pytest.approx(truth, abs=0.05)
    assert (score[:6] > 0.05).all()


def test_permuted_latents_have_permuted_scores(world: World) -> None:
    rows = graft(world, {0: 0.5, 1: 0.3, 7: -0.5})
    rng = np.random.default_rng(1)
    order, other = rng.permutation(20), rng.permutation(N_FEATURES)
    plain = world.score(world.acts[:, :20], rows)
    mixed = world.score(world.acts[:, order], rows[order], order=other)
    assert mixed.score == pytest.approx(plain.score[order], abs=1e-4)
    assert [other[latent.own] for latent in mixed.latents] == [plain.latents[i].own for i in order]


def test_rotation_changes_nothing(world: World) -> None:
    rows = graft(world, {0: 0.5, 7: -0.5})
    turn = np.linalg.qr(np.random.default_rng(2).standard_normal((D_IN, D_IN)))[0].astype(np.float32)
    plain = world.score(world.acts[:, :20], rows)
    turned = world.score(world.acts[:, :20], rows @ turn, rows=world.features @ turn, inputs=world.inputs @ turn)
    assert turned.score == pytest.approx(plain.score, abs=1e-3)


def test_biases_drop_out(world: World) -> None:
    rows = graft(world, {0: 0.5})
    plain = world.score(world.acts[:, :20], rows)
    assert world.score(world.acts[:, :20], rows, inputs=world.inputs + 3).score == pytest.approx(plain.score, abs=1e-3)


def test_latents_that_hardly_fire_have_no_score(world: World) -> None:
    narrow = world.acts[:, :20].copy()
    narrow[:, 3] = 0
    narrow[20:, 4] = 0
    found = world.score(narrow, world.features[:20])
    assert np.isnan(found.score[3])
    assert np.isnan(found.score[4])
    assert not np.isnan(np.delete(found.score, [3, 4])).any()
    assert label_of(found.latents[3], found.chance_level, n_firings=0, novel=False, absorbed=False) == "dead"


def test_a_latent_that_fires_on_its_partner_alone_is_hinted_at_as_merged(world: World) -> None:
    narrow = world.acts[:, :20].copy()
    narrow[:, 0] = world.acts[:, 0] + world.acts[:, 20]
    latent = world.score(narrow, graft(world, {0: 1.0})).latents[0]
    assert [partner.merged for partner in latent.partners] == [True]
    assert latent.partners[0].p_alone > 0.9


def test_labels(world: World) -> None:
    found = world.score(world.acts[:, :20], graft(world, {0: 0.5}))

    def label(latent: int, chance_level: float, *, novel: bool = False, absorbed: bool = False) -> str | None:
        return label_of(found.latents[latent], chance_level, n_firings=100, novel=novel, absorbed=absorbed)

    assert label(0, found.chance_level) == "hedged"
    assert label(12, found.chance_level) == "clean"
    assert label(0, 0.2) in {"uncertain", "clean"}
    assert label(0, found.chance_level, novel=True) == "novel"
    assert label(0, found.chance_level, absorbed=True) == "absorbed"


def test_weights_are_those_of_the_joint_regression(world: World) -> None:
    bounds = np.linspace(0, N_TOKENS, 5).astype(np.int64)
    acts = Activations(sp.csc_array(world.acts[:, :20]), sp.csc_array(world.acts), world.inputs, bounds)
    composition = Composition(acts)
    latents = np.array([0, 5])
    weight = composition.weights([composition.left_over(latents, place) for place in (0, 1)])
    half = world.acts[: N_TOKENS // 2]
    centred = half - half.mean(axis=0)
    expected = np.linalg.lstsq(centred[:, :20], centred, rcond=None)[0]
    assert weight[0] == pytest.approx(expected[latents], abs=5e-3)


def test_ridge_with_signs_drops_what_has_the_wrong_sign() -> None:
    gram = np.array([[1.0, 0.5], [0.5, 1.0]])
    free = ridge_with_signs(gram, np.array([1.0, 0.2]), np.ones(2), np.array([1.0, -1.0]), 1e-9)
    assert free == pytest.approx(np.linalg.solve(gram, [1.0, 0.2]), abs=1e-6)
    held = ridge_with_signs(gram, np.array([1.0, 0.2]), np.ones(2), np.array([1.0, 1.0]), 1e-9)
    assert held == pytest.approx([1.0, 0.0], abs=1e-6)
    assert not ridge_with_signs(gram, np.array([1.0, 0.2]), np.zeros(2), np.ones(2), 1e-3).any()


def test_inside_span_leaves_what_rows_span(world: World) -> None:
    rows = np.array([[1.0, 0, 0], [0.6, 0.8, 0]])
    assert inside_span(rows @ rows.T, rows @ np.ones(3)) == pytest.approx(rows @ np.ones(3))


def test_false_discovery_rates_are_benjamini_and_hochbergs() -> None:
    q = false_discovery_rates([np.array([0.01, 0.04]), np.array([0.03])], 4)
    assert np.concatenate(q) == pytest.approx([0.04, 0.16 / 3, 0.16 / 3])
    assert false_discovery_rates([], 0) == []


def test_interval_is_cut_to_shares() -> None:
    assert interval(0.5, np.full(4, 0.5)) == (0.5, 0.5)
    assert interval(0.02, np.array([0.0, 0.2, 0.0, 0.2]))[0] == 0.0


def test_like_density_moves_every_row_to_a_like_one() -> None:
    n = np.arange(100) ** 2
    other = like_density(n, np.random.default_rng(0))
    assert sorted(other) == list(range(100))
    assert (other != np.arange(100)).all()
    assert np.abs(other - np.arange(100)).max() < 20

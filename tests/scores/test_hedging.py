"""The hedging score on tokens made by hand, whose right answer is known; what must not change it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import scipy.sparse as sp
from numpy.typing import NDArray
from scipy.stats import norm

from app.scores.absorption import absorbed_by
from app.scores.cosines import Nearest
from app.scores.hedging import KEPT_WEIGHT, combined, hedging_scores, interval
from app.scores.overlap import significant_z
from app.stats.input_sample import N_GROUPS, Sample

Floats = NDArray[np.float64]
N_TOKENS, D_IN = 8000, 12
F, G, H = np.eye(D_IN)[:3]
"""Three features."""


def fires(rng: np.random.Generator, chance: float | Floats) -> Floats:
    """`[N_TOKENS]` magnitudes of a feature, 0 where it is absent."""
    return np.where(rng.random(N_TOKENS) < chance, np.maximum(1 + 0.2 * rng.standard_normal(N_TOKENS), 0.1), 0.0)


def sample(inputs: Floats, narrow: list[Floats], reference: list[Floats]) -> Sample:
    bounds = np.linspace(0, N_TOKENS, N_GROUPS + 1).astype(np.int64)
    columns = [sp.csc_array(np.stack(acts, axis=1).astype(np.float32)) for acts in (narrow, reference)]
    return Sample(inputs.astype(np.float32), columns[0], columns[1], bounds)


def score_of(tokens: Sample, *decoder: Floats) -> tuple[float, float, float]:
    """(score, typical, refit) of the first narrow latent."""
    rows = np.stack(decoder).astype(np.float32)
    found = hedging_scores(tokens, rows, np.ones(tokens.reference.shape[1], dtype=np.bool_))
    return float(found.score[0]), float(found.typical[0]), float(found.refit[0])


def parent_and_child(rng: np.random.Generator) -> tuple[Floats, Floats, Floats]:
    """(parent, child, input): the child comes on a third of the parent's tokens, never alone."""
    parent = fires(rng, 0.2)
    child = fires(rng, np.where(parent > 0, 1 / 3, 0.0))
    noise = 0.01 * rng.standard_normal((N_TOKENS, D_IN))
    return parent, child, np.outer(parent, F) + np.outer(child, G) + noise


def test_a_pure_latent_scores_nothing() -> None:
    parent, child, inputs = parent_and_child(np.random.default_rng(0))
    score, typical, refit = score_of(sample(inputs, [parent], [parent, child]), F)
    assert score < 0.01
    assert typical < 0.01
    assert refit < 0.01


@pytest.mark.parametrize("angle", [0.2, 0.4, 0.6])
def test_a_child_mixed_into_its_parent(angle: float) -> None:
    """Its direction is cos t of the parent and sin t of the child: sin² t of it is not its own."""
    parent, child, inputs = parent_and_child(np.random.default_rng(1))
    row = np.cos(angle) * F + np.sin(angle) * G
    acts = np.maximum(inputs @ row, 0) * (parent > 0)
    score, typical, refit = score_of(sample(inputs, [acts], [parent, child]), row)
    assert typical == pytest.approx(np.sin(angle) ** 2, abs=0.05)
    assert score >= typical
    assert refit < 0.6
    # Without any latent for the child, the input still tells.
    alone = score_of(sample(inputs, [acts], [parent]), row)
    assert alone[1] == pytest.approx(np.sin(angle) ** 2, abs=0.05)


@pytest.mark.parametrize("sign", [1, -1])
def test_what_is_always_there_shows_in_the_regression(sign: int) -> None:
    """A latent fires on f and holds a part of g, which another latent carries, everywhere it fires."""
    rng = np.random.default_rng(2)
    f = fires(rng, 0.2)
    g = fires(rng, np.where(f > 0, 0.9 if sign > 0 else 0.02, 0.3))
    inputs = np.outer(f, F) + np.outer(g, G) + 0.01 * rng.standard_normal((N_TOKENS, D_IN))
    row = (F + sign * 0.5 * G) / np.sqrt(1.25)
    _, _, refit = score_of(sample(inputs, [f], [f, g]), row)
    assert refit == pytest.approx(0.2, abs=0.02)


@pytest.mark.parametrize("d_in", [6, 2, 1])
def test_a_latent_that_is_reconstructed_exactly(d_in: int) -> None:
    """No residual is left to look into, and none of it is another feature."""
    acts = np.where(np.random.default_rng(7).random(N_TOKENS) < 0.2, 1.0, 0.0)
    row = np.eye(d_in)[0]
    score, typical, _ = score_of(sample(np.outer(acts, row), [acts], [acts]), row)
    assert typical == 0
    assert score == pytest.approx(0, abs=1e-6)


def test_noise_is_no_evidence() -> None:
    """Activations that belong to other tokens give each half another direction."""
    rng = np.random.default_rng(3)
    acts = [fires(rng, 0.1) for _ in range(24)]
    rows = np.linalg.qr(rng.standard_normal((40, 40)))[0][:24]
    inputs = np.stack(acts, axis=1) @ rows + 0.05 * rng.standard_normal((N_TOKENS, 40))
    tokens = sample(inputs, acts, acts)
    order = rng.permutation(N_TOKENS)
    shuffled = replace(tokens, narrow=tokens.narrow.tocsr()[order].tocsc())
    found = hedging_scores(shuffled, rows.astype(np.float32), np.ones(24, dtype=np.bool_))
    assert (found.score >= 0.1).mean() <= 0.05


def several() -> tuple[Sample, Floats]:
    rng = np.random.default_rng(4)
    parent, child, inputs = parent_and_child(rng)
    other = fires(rng, 0.15)
    inputs = inputs + np.outer(other, H)
    rows = np.stack([np.cos(0.5) * F + np.sin(0.5) * G, H])
    acts = np.maximum(inputs @ rows[0], 0) * (parent > 0)
    return sample(inputs, [acts, other], [parent, child, other]), rows


def scores(tokens: Sample, rows: Floats) -> Floats:
    found = hedging_scores(tokens, rows.astype(np.float32), np.ones(tokens.reference.shape[1], dtype=np.bool_))
    return np.stack([found.score, found.typical, found.refit])


def test_rotation_of_the_input_space_changes_nothing() -> None:
    tokens, rows = several()
    turn = np.linalg.qr(np.random.default_rng(5).standard_normal((D_IN, D_IN)))[0]
    turned = replace(tokens, inputs=(tokens.inputs @ turn).astype(np.float32))
    np.testing.assert_allclose(scores(turned, rows @ turn), scores(tokens, rows), atol=5e-3)


def test_the_order_of_latents_changes_nothing() -> None:
    tokens, rows = several()
    moved = replace(tokens, narrow=tokens.narrow[:, [1, 0]], reference=tokens.reference[:, [2, 0, 1]])
    np.testing.assert_allclose(scores(moved, rows[::-1])[:, ::-1], scores(tokens, rows), atol=1e-5)


def test_the_unit_of_the_input_changes_nothing() -> None:
    tokens, rows = several()
    larger = Sample(tokens.inputs * 8, tokens.narrow * 8, tokens.reference * 8, tokens.bounds)
    np.testing.assert_allclose(scores(larger, rows), scores(tokens, rows), atol=1e-4)


def test_combination() -> None:
    typical, refit = np.array([0.3, 0.1, 0.1, 0.2, np.nan]), np.array([0.2, 0.4, 0.4, np.nan, 0.4])
    kept = np.array([1.0, 0.5, 1.0, 1.0, 1.0])
    np.testing.assert_allclose(combined(typical, refit, kept), [0.3, 0.4, 0.4 * KEPT_WEIGHT, np.nan, np.nan])


def test_the_interval_against_a_jackknife_written_out() -> None:
    left_out = np.array([[0.4, 0.5, 0.45, 0.55], [0.1, np.nan, 0.1, 0.1]])
    low, high = interval(np.array([0.48, 0.1]), left_out)
    error = (3 / 4 * sum((value - 0.475) ** 2 for value in left_out[0])) ** 0.5
    assert low[0] == pytest.approx(0.48 - 3.182446 * error)
    assert high[0] == pytest.approx(0.48 + 3.182446 * error)
    assert np.isnan(low[1])
    assert np.isnan(high[1])


def test_significance_is_bonferronis() -> None:
    assert significant_z(1) == pytest.approx(1.959964)
    assert significant_z(1000) == pytest.approx(norm.isf(0.05 / 2000))


@pytest.mark.parametrize("beta", [2.0, 0.0])
def test_absorption(beta: float) -> None:
    """The parent's latent has a negative part of the child in its encoder, and is silent where the child fires."""
    parent, child, inputs = parent_and_child(np.random.default_rng(6))
    encoder = F - beta * G
    acts = np.maximum(inputs @ encoder - 0.2, 0)
    tokens = sample(inputs, [acts], [parent, child])
    found = absorbed_by(
        tokens,
        encoder=encoder[None].astype(np.float32),
        decoder=np.stack([F, G]).astype(np.float32),
        match=Nearest(np.array([[0]]), np.array([[1.0]], dtype=np.float32)),
        counted=np.ones(2, dtype=np.bool_),
    )
    assert found.tolist() == [1 if beta else -1]

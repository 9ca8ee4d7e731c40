"""Shares of the partners: closed-form cases, dense regression, invariances."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from app.scores.partner_evidence import MIN_FIRINGS, PartnerEvidence, activation_shares, partner_evidence
from tests.scores.dense_moments import Dense, random_dense, regression_shares, sparse_acts

Floats = NDArray[np.float64]


def scored(dense: Dense) -> PartnerEvidence:
    return partner_evidence(dense.moments(), dense.lists())


def one_latent(narrow: Floats, reference: Floats, weights: list[float], shares: list[float]) -> Dense:
    """One narrow latent on all reference latents, in order."""
    k = len(weights)
    return Dense(
        narrow[:, None],
        reference,
        np.arange(k)[None, :],
        np.array([weights]),
        np.array([shares]),
        np.ones((1, k), dtype=np.bool_),
    )


def indicator(n_tokens: int, *stretches: tuple[int, int]) -> Floats:
    """1 on the given stretches of tokens."""
    acts = np.zeros(n_tokens)
    for start, stop in stretches:
        acts[start:stop] = 1
    return acts


@pytest.mark.parametrize("seed", range(6))
def test_activation_shares_against_dense_regression(seed: int) -> None:
    dense = random_dense(seed)
    found = activation_shares(dense.moments(), dense.valid)
    for i in range(found.shape[0]):
        np.testing.assert_allclose(found[i][dense.valid[i]], regression_shares(dense, i), atol=1e-4)
        assert (found[i][~dense.valid[i]] == 0).all()


def test_totals_one_by_one() -> None:
    """Decoder and activation shares put together one latent at a time."""
    dense = random_dense(7, n_tokens=3000)
    found = scored(dense)
    for i in range(dense.partners.shape[0]):
        others = slice(1, int(dense.valid[i].sum()))
        assert found.decoder[i] == pytest.approx(dense.shares[i, others].sum())
        assert found.activation[i] == pytest.approx(regression_shares(dense, i)[others].sum(), abs=1e-4)


def test_a_pure_latent_has_no_part_elsewhere() -> None:
    """It is its main partner; another reference latent has no part in it."""
    rng = np.random.default_rng(0)
    reference = sparse_acts(rng, 2000, 2)
    found = scored(one_latent(3 * reference[:, 0], reference, [1.0, 0.0], [1.0, 0.0]))
    assert found.decoder[0] == 0
    assert found.activation[0] == pytest.approx(0, abs=1e-3)


def test_a_latent_with_one_partner() -> None:
    reference = sparse_acts(np.random.default_rng(1), 500, 1)
    found = scored(one_latent(reference[:, 0], reference, [1.0], [1.0]))
    assert (found.decoder[0], found.activation[0]) == (0, 0)


def test_half_of_each_of_two_features() -> None:
    """(f1 + f2)/√2, firing where either does, both often together: both numbers are one half."""
    n = 1000
    f1, f2 = indicator(n, (0, 150)), indicator(n, (50, 200))
    found = scored(one_latent((f1 + f2) / np.sqrt(2), np.stack([f1, f2], axis=1), [0.7071, 0.7071], [0.5, 0.5]))
    assert found.decoder[0] == pytest.approx(0.5)
    assert found.activation[0] == pytest.approx(0.5, abs=1e-5)


@pytest.mark.parametrize("n_firings", [MIN_FIRINGS - 1, MIN_FIRINGS])
def test_too_few_firings_give_no_activation_hedging(n_firings: int) -> None:
    f1, f2 = indicator(1000, (0, n_firings)), indicator(1000, (0, 10))
    found = scored(one_latent(f1, np.stack([f1, f2], axis=1), [0.8, 0.6], [0.64, 0.36]))
    assert np.isnan(found.activation[0]) == (n_firings < MIN_FIRINGS)
    assert found.decoder[0] == pytest.approx(0.36)


def test_a_latent_without_partners() -> None:
    dense = random_dense(9)
    found = scored(replace(dense, valid=np.zeros_like(dense.valid)))
    for values in (found.decoder, found.activation):
        assert np.isnan(values).all()


def test_silent_partners_explain_nothing() -> None:
    f1 = indicator(1000, (0, 100))
    found = scored(one_latent(f1, np.zeros((1000, 2)), [0.8, 0.6], [0.64, 0.36]))
    assert np.isnan(found.activation_share).all()
    assert np.isnan(found.activation[0])
    assert found.decoder[0] == pytest.approx(0.36)


def test_partners_that_never_vary_explain_nothing() -> None:
    """Rounding of the moments must not pass for explained variance."""
    a = sparse_acts(np.random.default_rng(2), 1000, 1)[:, 0]
    always = np.full((1000, 2), 0.1)
    assert np.isnan(scored(one_latent(a, always, [0.8, 0.6], [0.64, 0.36])).activation[0])


def test_equal_partners_share() -> None:
    """A reference latent and its copy: the regression is singular, the shares are halves."""
    f = sparse_acts(np.random.default_rng(3), 1000, 1)
    found = scored(one_latent(f[:, 0], np.repeat(f, 2, axis=1), [0.5, 0.5], [0.5, 0.5]))
    np.testing.assert_allclose(found.activation_share[0], [0.5, 0.5], atol=1e-6)


@pytest.mark.parametrize(("of_narrow", "of_reference"), [(1e-3, 1.0), (1.0, 1e4), (1e5, 1e-5)])
def test_scale_changes_nothing(of_narrow: float, of_reference: float) -> None:
    dense = random_dense(10)
    scaled = replace(dense, narrow=of_narrow * dense.narrow, reference=of_reference * dense.reference)
    assert_same(scored(scaled), scored(dense))


def test_the_order_of_reference_latents_changes_nothing() -> None:
    dense = random_dense(11)
    order = np.random.default_rng(0).permutation(12)
    moved = replace(dense, reference=dense.reference[:, order], partners=np.argsort(order)[dense.partners])
    assert_same(scored(moved), scored(dense))


def test_the_order_of_tokens_changes_nothing() -> None:
    dense = random_dense(12)
    order = np.random.default_rng(1).permutation(len(dense.narrow))
    assert_same(scored(replace(dense, narrow=dense.narrow[order], reference=dense.reference[order])), scored(dense))


def test_the_width_of_the_padding_changes_nothing() -> None:
    dense = random_dense(13)
    wide, plain = scored(dense.padded(3)), scored(dense)
    for name in ("decoder", "activation"):
        np.testing.assert_allclose(getattr(wide, name), getattr(plain, name), atol=1e-9)
    np.testing.assert_allclose(wide.activation_share[:, :4], plain.activation_share, atol=1e-9)


def assert_same(found: PartnerEvidence, expected: PartnerEvidence) -> None:
    for name in ("decoder", "activation", "activation_share"):
        np.testing.assert_allclose(getattr(found, name), getattr(expected, name), atol=1e-6, err_msg=name)


def test_all_numbers_are_in_range() -> None:
    for seed in range(20, 30):
        found = scored(random_dense(seed))
        for values in (found.decoder, found.activation, found.activation_share):
            assert ((values >= 0) & (values <= 1)).all()

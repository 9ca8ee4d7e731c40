"""The hedging degree: hand-worked, against a second implementation, and its invariances."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.special import gammaln

from app.errors import ScoringError
from app.scores.degree import hedging_degree, span

Floats = NDArray[np.float32]


def random_pair(seed: int, n: int = 10, n_new: int = 3, d_in: int = 12) -> tuple[Floats, Floats]:
    """A control decoder, and one with moved rows and new ones; norms differ from 1."""
    rng = np.random.default_rng(seed)
    control = rng.standard_normal((n, d_in))
    moved = control + 0.4 * rng.standard_normal((n, d_in))
    extended = np.concatenate([moved, rng.standard_normal((n_new, d_in))])
    return control.astype(np.float32), extended.astype(np.float32)


def by_least_squares(control: Floats, extended: Floats) -> NDArray[np.float64]:
    """Per-latent raw values, written from the definition without a basis: the projection of a vector
    on a span is its least-squares fit by the spanning rows, dependent or not."""
    raw = []
    new = [row / np.linalg.norm(row) for row in extended[len(control) :].astype(np.float64)]
    for i in range(len(control)):
        before = control[i].astype(np.float64)
        after = extended[i].astype(np.float64)
        change = after / np.linalg.norm(after) - before / np.linalg.norm(before)
        fit = np.linalg.lstsq(np.array(new).T, change, rcond=1e-6)[0]
        raw.append(np.linalg.norm(np.array(new).T @ fit))
    return np.array(raw)


def by_unpivoted_qr(change: NDArray[np.float64], rows: NDArray[np.float64]) -> float:
    """Mean projected norm by the short cut that goes wrong: QR, cut at the rank."""
    q, r = np.linalg.qr(rows.T)
    q = q[:, : np.linalg.matrix_rank(r)]
    return float(np.linalg.norm(change @ q, axis=1).mean())


def test_hand_worked() -> None:
    """Two latents in four dimensions, one new latent along the third axis.

    Latent 0 goes from (1, 0, 0, 0) to (4, 0, 3, 0) / 5: its change is (-0.2, 0, 0.6, 0), of which 0.6
    lies along the new latent. Latent 1 goes from (0, 1, 0, 0) to (0, 3, 0, 4) / 5, none of it along the
    new latent. Raw: (0.6 + 0) / 2 = 0.3.
    """
    control = np.array([[2, 0, 0, 0], [0, 1, 0, 0]], dtype=np.float32)
    extended = np.array([[4, 0, 3, 0], [0, 3, 0, 4], [0, 0, 7, 0]], dtype=np.float32)
    result = hedging_degree(control, extended)
    assert result.raw == pytest.approx(0.3, abs=1e-7)
    assert [latent.raw for latent in result.latents] == pytest.approx([0.6, 0.0], abs=1e-7)
    assert result.mean_change == pytest.approx((np.sqrt(0.4) + np.sqrt(0.8)) / 2, abs=1e-7)
    assert (result.n_latents, result.n_new, result.rank, result.mean_control_norm) == (2, 1, 1, 1.0)
    assert result.baseline_mean is not None
    assert result.degree == pytest.approx((0.3 - result.baseline_mean) / (1 - result.baseline_mean))


def test_everything_moved_into_the_span() -> None:
    """A quarter turn into the new direction is as much as a latent can let go of: |δ| = √2, of which 1 projects."""
    control = np.eye(20, dtype=np.float32)[:1]
    extended = np.eye(20, dtype=np.float32)[[5, 5]]
    result = hedging_degree(control, extended)
    assert result.raw == pytest.approx(1.0)
    assert result.degree == pytest.approx(1.0)


@pytest.mark.parametrize("seed", range(4))
def test_against_least_squares(seed: int) -> None:
    control, extended = random_pair(seed)
    result = hedging_degree(control, extended)
    expected = by_least_squares(control, extended)
    assert [latent.raw for latent in result.latents] == pytest.approx(list(expected), rel=1e-6)
    assert result.raw == pytest.approx(expected.mean(), rel=1e-6)


def test_dependent_new_latents_where_an_unpivoted_qr_fails() -> None:
    """A new latent learnt twice, before a third: the span has two dimensions, and QR keeps a wrong second one."""
    control, extended = random_pair(1, n_new=3)
    extended[-2] = 2.5 * extended[-3]
    result = hedging_degree(control, extended)
    expected = by_least_squares(control, extended)
    assert result.rank == 2
    assert result.raw == pytest.approx(expected.mean(), rel=1e-6)

    unit = extended / np.linalg.norm(extended, axis=1, keepdims=True)
    change = unit[:10].astype(np.float64) - control / np.linalg.norm(control, axis=1, keepdims=True)
    assert abs(by_unpivoted_qr(change, unit[10:].astype(np.float64)) - expected.mean()) > 0.02


def test_dependent_up_to_the_rounding_of_the_files() -> None:
    """The sum of two rows, rounded to float32, is no third direction."""
    control, extended = random_pair(2, n_new=3)
    extended[-1] = extended[-2] + extended[-3]
    assert hedging_degree(control, extended).rank == 2
    extended[-1, 0] += 0.05
    assert hedging_degree(control, extended).rank == 3


def test_baseline_is_that_of_random_subspaces() -> None:
    """The squared share of a vector in a random N-dimensional subspace is Beta(N/2, (d - N)/2)."""
    control, extended = random_pair(3, n=6, n_new=4, d_in=30)
    result = hedging_degree(control, extended, n_baselines=2000)
    mean_share = np.exp(gammaln(4 / 2 + 0.5) + gammaln(30 / 2) - gammaln(4 / 2) - gammaln(30 / 2 + 0.5))
    assert result.baseline_mean == pytest.approx(mean_share * result.mean_change, rel=0.01)
    assert [latent.baseline for latent in result.latents] == pytest.approx(
        [mean_share * change for change in changes(control, extended)], rel=0.03
    )


def changes(control: Floats, extended: Floats) -> list[float]:
    before = control / np.linalg.norm(control, axis=1, keepdims=True)
    after = extended[: len(control)] / np.linalg.norm(extended[: len(control)], axis=1, keepdims=True)
    return [float(value) for value in np.linalg.norm(after - before, axis=1)]


def test_random_changes_have_degree_near_zero() -> None:
    """Whatever has nothing to do with the new latents stays within the baseline's own spread."""
    control, extended = random_pair(4, n=200, n_new=8, d_in=64)
    result = hedging_degree(control, extended)
    assert result.degree is not None
    assert result.baseline_sd is not None
    assert abs(result.degree) < 5 * result.baseline_sd + 0.01


def test_identical_saes() -> None:
    control, extended = random_pair(5)
    extended[:10] = control
    result = hedging_degree(control, extended)
    assert (result.raw, result.baseline_mean, result.degree, result.mean_change) == (0.0, 0.0, 0.0, 0.0)


def test_a_negative_degree_is_kept_and_only_shown_as_zero() -> None:
    """All changes are at right angles to the new latent."""
    control = np.eye(6, dtype=np.float32)[:2]
    extended = np.array([[1, 1, 0, 0, 0, 0], [0, 1, 1, 0, 0, 0], [0, 0, 0, 0, 0, 1]], dtype=np.float32)
    result = hedging_degree(control, extended)
    assert result.raw == 0.0
    assert result.degree is not None
    assert result.degree < -0.1
    assert result.shown_degree == 0.0


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 1000), scale=st.floats(0.01, 100))
def test_norms_of_decoder_rows_do_not_matter(seed: int, scale: float) -> None:
    control, extended = random_pair(seed)
    stretch = np.random.default_rng(seed).uniform(0.5, 2, (len(extended), 1)).astype(np.float32) * np.float32(scale)
    scaled = hedging_degree(control * stretch[:10], extended * stretch)
    assert numbers(scaled) == pytest.approx(numbers(hedging_degree(control, extended)), rel=1e-4, abs=1e-5)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 1000))
def test_order_of_latents_does_not_matter(seed: int) -> None:
    control, extended = random_pair(seed)
    rng = np.random.default_rng(seed)
    old, new = rng.permutation(10), 10 + rng.permutation(3)
    permuted = hedging_degree(control[old], np.concatenate([extended[old], extended[new]]))
    plain = hedging_degree(control, extended)
    assert numbers(permuted) == pytest.approx(numbers(plain), abs=1e-9)
    assert [latent.raw for latent in permuted.latents] == pytest.approx([plain.latents[i].raw for i in old])


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 1000))
def test_rotation(seed: int) -> None:
    """Raw values are the same to rounding. The baseline's subspaces do not turn along: it stays
    the same within what 50 draws can tell, here five standard errors of a difference."""
    control, extended = random_pair(seed)
    rotation = np.linalg.qr(np.random.default_rng(seed).standard_normal((12, 12)))[0].astype(np.float32)
    plain, turned = hedging_degree(control, extended), hedging_degree(control @ rotation, extended @ rotation)
    assert turned.raw == pytest.approx(plain.raw, rel=1e-5)
    assert plain.baseline_sd is not None
    assert turned.baseline_mean == pytest.approx(plain.baseline_mean, abs=5 * plain.baseline_sd * np.sqrt(2 / 50))


def numbers(result: Any) -> list[float]:
    return [result.raw, result.baseline_mean, result.baseline_sd, result.degree, result.mean_change]


def test_seed_decides_the_baseline_and_nothing_else() -> None:
    control, extended = random_pair(6)
    first, again, other = (hedging_degree(control, extended, seed=seed) for seed in (0, 0, 1))
    assert first == again
    assert first.raw == other.raw
    assert first.baseline_mean != other.baseline_mean


@pytest.mark.parametrize("n_new", [4, 6])
def test_new_latents_that_span_everything(n_new: int) -> None:
    control, extended = random_pair(7, n_new=n_new, d_in=4)
    result = hedging_degree(control, extended)
    assert (result.raw, result.degree, result.shown_degree, result.baseline_sd) == (None, None, None, None)
    assert result.reason is not None
    assert f"{n_new} new latents in 4 dimensions" in result.reason
    assert [latent.reason for latent in result.latents] == [result.reason] * 10


def test_new_latents_without_direction() -> None:
    control, extended = random_pair(8)
    extended[10:] = 0
    result = hedging_degree(control, extended)
    assert (result.rank, result.raw, result.degree) == (0, None, None)
    assert "all zero" in (result.reason or "")


def test_a_zero_row_is_left_out() -> None:
    control, extended = random_pair(9)
    control[3] = 0
    result = hedging_degree(control, extended)
    others = np.delete(np.arange(10), 3)
    alone = hedging_degree(control[others], extended[np.delete(np.arange(13), 3)])
    assert result.raw == pytest.approx(alone.raw)
    assert (result.latents[3].raw, result.latents[3].degree) == (None, None)
    assert "zero" in (result.latents[3].reason or "")


def test_changes_too_large_for_a_baseline() -> None:
    """All latents turned round, and three of four dimensions new: any subspace holds more than one norm."""
    control = np.eye(4, dtype=np.float32)
    extended = np.concatenate([-control, control[:3]])
    result = hedging_degree(control, extended)
    assert result.raw == pytest.approx(1.5)
    assert result.baseline_mean is not None
    assert result.baseline_mean > 1
    assert (result.degree, result.latents[0].degree) == (None, None)
    assert "expected less than 1" in (result.reason or "")


@pytest.mark.parametrize(
    ("control", "extended", "message"),
    [
        (np.ones((2, 3)), np.ones((3, 4)), r"\[2, 3\] and \[3, 4\]"),
        (np.ones((2, 3)), np.ones((2, 3)), "2 control and 2 extended latents"),
        (np.ones((2, 3)), np.full((3, 3), np.nan), "NaN"),
        (np.zeros((2, 3)), np.ones((3, 3)), "other than zero"),
    ],
)
def test_decoders_that_do_not_fit(control: Floats, extended: Floats, message: str) -> None:
    with pytest.raises(ScoringError, match=message):
        hedging_degree(control.astype(np.float32), extended.astype(np.float32))


def test_one_random_subspace_is_no_baseline() -> None:
    with pytest.raises(ScoringError, match="at least 2"):
        hedging_degree(*random_pair(0), n_baselines=1)


def test_span_is_orthonormal() -> None:
    rows = np.random.default_rng(0).standard_normal((5, 9))
    basis = span(np.concatenate([rows, rows[:2]]))
    assert basis.shape == (9, 5)
    assert np.allclose(basis.T @ basis, np.eye(5))
    assert np.allclose(basis @ basis.T @ rows.T, rows.T)


def test_json_has_no_nan() -> None:
    from dataclasses import asdict

    control, extended = random_pair(0, n_new=12)
    json.dumps(asdict(hedging_degree(control, extended)), allow_nan=False)

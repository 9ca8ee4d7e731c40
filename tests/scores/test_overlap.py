"""Overlap of firings against hand-worked tables, scipy's hypergeometric distribution and numpy's correlation."""

from __future__ import annotations

from math import sqrt
from types import SimpleNamespace

import numpy as np
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st

from app.scores import pair_overlap as web
from app.scores.overlap import overlap, wilson


def of_one(n_both: int, n_i: int, n_j: int, n_tokens: int) -> SimpleNamespace:
    """The fields of `Overlap` of one pair, as numbers."""
    found = overlap(np.array([n_both]), np.array([n_i]), np.array([n_j]), n_tokens)
    return SimpleNamespace(**{name: float(value[0]) for name, value in vars(found).items()})


def test_a_table_worked_by_hand() -> None:
    """i fires on 4 of 10 tokens, j on 5, both on 3: expected 2, variance 2 · 0.6 · 0.5 · 10/9 = 2/3."""
    found = of_one(3, 4, 5, 10)
    assert found.jaccard == pytest.approx(3 / 6)
    assert found.p_j_given_i == pytest.approx(3 / 4)
    assert found.p_i_given_j == pytest.approx(3 / 5)
    assert found.lift == pytest.approx(1.5)
    assert found.phi == pytest.approx((3 * 4 - 1 * 2) / sqrt(4 * 6 * 5 * 5))
    assert found.z == pytest.approx(1 / sqrt(2 / 3))


def test_latents_that_never_meet() -> None:
    """Each fires on half of 4 tokens, never together."""
    found = of_one(0, 2, 2, 4)
    assert (found.jaccard, found.p_j_given_i, found.lift, found.phi) == (0, 0, 0, -1)
    assert found.z == pytest.approx(-sqrt(3))


# scipy's distribution divides by zero below 4 tokens.
tables = st.integers(4, 60).flatmap(
    lambda t: st.tuples(
        st.lists(st.booleans(), min_size=t, max_size=t), st.lists(st.booleans(), min_size=t, max_size=t)
    )
)


@given(tables)
def test_against_scipy_and_numpy(table: tuple[list[bool], list[bool]]) -> None:
    a, b = np.array(table[0]), np.array(table[1])
    t, n_i, n_j, n_both = len(a), int(a.sum()), int(b.sum()), int((a & b).sum())
    found = of_one(n_both, n_i, n_j, t)
    if 0 < n_i < t and 0 < n_j < t:
        assert found.phi == pytest.approx(np.corrcoef(a, b)[0, 1], abs=1e-12)
        draw = scipy.stats.hypergeom(t, n_j, n_i)
        assert found.z == pytest.approx((n_both - draw.mean()) / draw.std(), abs=1e-9)
        assert -1 <= found.phi <= 1
    else:
        assert np.isnan(found.phi)
        assert np.isnan(found.z)
    if n_i and n_j:
        assert found.lift == pytest.approx((n_both / t) / (n_i / t * n_j / t))


def test_a_latent_that_never_fires_has_no_overlap() -> None:
    silent = of_one(0, 0, 0, 10)
    assert all(np.isnan(value) for value in vars(silent).values())
    half_silent = of_one(0, 0, 5, 10)
    assert np.isnan([half_silent.p_j_given_i, half_silent.lift, half_silent.phi, half_silent.z]).all()
    assert half_silent.p_i_given_j == 0


def test_no_token_at_all() -> None:
    assert all(np.isnan(value) for value in vars(of_one(0, 0, 0, 0)).values())


def test_perfect_overlap_stays_in_range() -> None:
    t = 65_537
    n = np.arange(1, t, 7)
    assert overlap(n, n, n, t).phi.max() <= 1
    assert overlap(n, n, n, t).phi.min() > 1 - 1e-9


@given(st.integers(1, 500).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_wilson_against_scipy(case: tuple[int, int]) -> None:
    k, n = case
    expected = scipy.stats.binomtest(k, n).proportion_ci(method="wilson")
    low, high = wilson(np.array([k]), np.array([n]))
    assert (low[0], high[0]) == pytest.approx((expected.low, expected.high), abs=1e-7)
    assert low[0] - 1e-12 <= k / n <= high[0] + 1e-12
    assert low[0] >= 0
    assert high[0] <= 1


def test_wilson_as_published() -> None:
    """15 of 148 (Newcombe, Statistics in Medicine 17 (1998) 857, table I): 0.0624 to 0.1605."""
    low, high = wilson(np.array([15]), np.array([148]))
    assert (round(float(low[0]), 4), round(float(high[0]), 4)) == (0.0624, 0.1605)


def test_wilson_without_a_trial_is_undefined() -> None:
    low, high = wilson(np.array([0]), np.array([0]))
    assert np.isnan(low).all()
    assert np.isnan(high).all()


@given(st.tuples(*[st.integers(0, 300)] * 4))
def test_the_pages_compute_the_same(cells: tuple[int, int, int, int]) -> None:
    """Pages of pairs that are no partners compute these numbers without numpy."""
    both, narrow_only, reference_only, _ = cells
    n_i, n_j, t = both + narrow_only, both + reference_only, sum(cells)
    shown = web.overlap(web.firing_table(both, n_i, n_j, t))
    found = vars(of_one(both, n_i, n_j, t))
    for name, value in found.items():
        on_page = getattr(shown, name)
        assert (on_page is None) == bool(np.isnan(value)), name
        if on_page is not None:
            assert on_page == pytest.approx(value, abs=1e-9), name

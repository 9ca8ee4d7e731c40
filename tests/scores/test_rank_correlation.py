"""Spearman's rho against scipy's, and by hand."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import rankdata
from scipy.stats import spearmanr as scipys

from app.scores.rank_correlation import partial_spearman, ranks, spearman


def test_ranks_share_ties() -> None:
    values = [3.0, 1.0, 3.0, 2.0, 3.0]
    assert ranks(values) == rankdata(values).tolist() == [4.0, 1.0, 4.0, 2.0, 4.0]


@pytest.mark.parametrize("seed", range(3))
def test_against_scipy(seed: int) -> None:
    rng = np.random.default_rng(seed)
    x = rng.integers(0, 20, 200).astype(float)
    y = x * (seed - 1) + rng.normal(0, 8, 200)
    found = spearman(x.tolist(), y.tolist())
    assert found.rho == pytest.approx(scipys(x, y).statistic)
    assert found.low is not None
    assert found.high is not None
    assert found.rho is not None
    assert found.low < found.rho < found.high


def test_the_interval_covers_the_truth() -> None:
    """For normal numbers of correlation r, rho is 6/π·asin(r/2): 95 % of intervals hold it."""
    rng, r, n = np.random.default_rng(0), 0.4, 80
    truth = 6 / np.pi * np.arcsin(r / 2)
    held = 0
    for _ in range(400):
        x = rng.standard_normal(n)
        y = r * x + np.sqrt(1 - r**2) * rng.standard_normal(n)
        found = spearman(x.tolist(), y.tolist())
        assert found.low is not None
        assert found.high is not None
        held += found.low <= truth <= found.high
    assert 0.92 < held / 400 < 0.98


def test_pairs_with_a_gap_do_not_count() -> None:
    first = [float(k) for k in range(12)]
    second: list[float | None] = [*first[:11], None]
    found = spearman(first, second)
    assert found.n == 11
    assert [found.rho, found.low, found.high] == pytest.approx([1, 1, 1])


def test_too_few_and_all_the_same() -> None:
    few = spearman([1.0, 2.0], [2.0, 1.0])
    assert (few.n, few.rho) == (2, None)
    assert few.reason is not None
    assert "at least 10" in few.reason
    same = spearman([1.0] * 20, [float(k) for k in range(20)])
    assert (same.rho, same.reason) == (None, "one of the two is the same for all latents")


def test_partial_against_what_a_regression_of_ranks_leaves() -> None:
    rng = np.random.default_rng(3)
    z = rng.standard_normal(300)
    x, y = z + rng.standard_normal(300), z - 0.5 * rng.standard_normal(300)
    left = [rankdata(v) - np.polyval(np.polyfit(rankdata(z), rankdata(v), 1), rankdata(z)) for v in (x, y)]
    found = partial_spearman(x.tolist(), y.tolist(), z.tolist())
    assert found.rho == pytest.approx(np.corrcoef(left)[0, 1])
    assert found.low is not None
    assert found.high is not None
    assert found.low < 0 < found.high
    assert (spearman(x.tolist(), y.tolist()).low or 0) > 0.3


def test_partial_needs_something_that_varies_apart() -> None:
    x: list[float | None] = [float(n) for n in range(20)]
    assert partial_spearman(x, x, x).rho is None
    assert partial_spearman(x, x, [1.0] * 20).reason is not None
    assert partial_spearman([None] * 15 + x[:5], x, x).n == 5

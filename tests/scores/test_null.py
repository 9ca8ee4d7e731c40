"""The null against theory."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.stats

from app.scores.cosines import nearest
from app.scores.null import Null, null_of
from tests.scores.random_rows import random_rows


def test_random_directions_reach_a_large_best_cosine() -> None:
    """About 0.31 against 4,000 rows in 128 dimensions."""
    null = null_of(random_rows(9, 4000, 128), np.ones(4000, dtype=np.bool_), n_directions=500)
    assert null.best.mean() == pytest.approx(0.31, abs=0.01)


def test_the_null_leaves_dead_rows_out() -> None:
    decoder = random_rows(10, 2000, 64)
    alive = np.arange(2000) < 10
    assert null_of(decoder, alive).best.tolist() == pytest.approx(null_of(decoder[:10], alive[:10]).best.tolist())


def test_percentiles_of_random_directions_are_uniform() -> None:
    decoder, alive = random_rows(11, 500, 32), np.ones(500, dtype=np.bool_)
    fresh = nearest(random_rows(12, 1000, 32), decoder, alive, 1).cosine[:, 0]
    percentiles = null_of(decoder, alive).percentile(fresh)
    assert scipy.stats.kstest(percentiles, "uniform").pvalue > 0.01
    wrong = null_of(decoder[:50], alive[:50]).percentile(fresh)
    assert scipy.stats.kstest(wrong, "uniform").pvalue < 1e-6


def test_percentile_is_the_share_below() -> None:
    null = Null(np.array([0.1, 0.2, 0.2, 0.4], dtype=np.float32))
    found = null.percentile(np.array([0.0, 0.1, 0.2, 0.3, 0.5, np.nan], dtype=np.float32))
    np.testing.assert_array_equal(found, [0, 0, 0.25, 0.75, 1, np.nan])


def test_the_null_is_the_same_every_time() -> None:
    decoder, alive = random_rows(13, 100, 16), np.ones(100, dtype=np.bool_)
    np.testing.assert_array_equal(null_of(decoder, alive).best, null_of(decoder, alive).best)

"""Overlap in plain Python, against the arrays' formulas and a case worked out by hand."""

from __future__ import annotations

from dataclasses import asdict

import numpy as np
import pytest

from app.records import Overlap
from app.scores import overlap as arrays
from app.scores.pair_overlap import firing_table, overlap, wilson

PAIRS = [(0, 0, 0, 50), (0, 5, 0, 50), (0, 5, 7, 50), (3, 5, 7, 50), (5, 5, 5, 50), (50, 50, 50, 50), (1, 1, 1, 1)]


@pytest.mark.parametrize(("both", "n_i", "n_j", "n"), PAIRS)
def test_equals_the_formulas_for_arrays(both: int, n_i: int, n_j: int, n: int) -> None:
    ours = asdict(overlap(firing_table(both, n_i, n_j, n)))
    counts_both, counts_i, counts_j = (np.array([value], dtype=np.int64) for value in (both, n_i, n_j))
    theirs = arrays.overlap(counts_both, counts_i, counts_j, n)
    for name, values in asdict(theirs).items():
        expected = None if np.isnan(values[0]) else pytest.approx(float(values[0]))
        assert ours[name] == expected, name


@pytest.mark.parametrize(("successes", "trials"), [(0, 10), (3, 10), (10, 10), (1, 1)])
def test_wilson_equals_the_formula_for_arrays(successes: int, trials: int) -> None:
    low, high = arrays.wilson(np.array([successes]), np.array([trials]))
    ours = wilson(successes, trials)
    assert ours[0] == pytest.approx(float(low[0]))
    assert ours[1] == pytest.approx(float(high[0]))


def test_by_hand() -> None:
    table = firing_table(2, 4, 6, 20)
    assert (table.both, table.narrow_only, table.reference_only, table.neither) == (2, 2, 4, 12)
    found = overlap(table)
    assert found.jaccard == 2 / 8
    assert found.p_j_given_i == 2 / 4
    assert found.p_i_given_j == 2 / 6
    assert found.lift == pytest.approx(2 / (4 * 6 / 20))
    assert found.phi == pytest.approx((2 * 12 - 2 * 4) / (4 * 16 * 6 * 14) ** 0.5)


def test_undefined_is_none() -> None:
    assert overlap(firing_table(0, 0, 0, 0)) == Overlap(*[None] * 10)
    assert wilson(0, 0) == (None, None)

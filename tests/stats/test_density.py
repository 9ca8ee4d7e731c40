from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given, settings

from app.errors import ScoringError
from app.stats.density import FiringCounts, FiringTotals
from tests.stats.dense_text import RICH_PLAN, RICH_TEXT, DenseText, Plan, assert_same, one_row_each, plans, texts


def test_hand_worked() -> None:
    counts = FiringCounts(3)
    counts.update(one_row_each([[0, 2, 1], [0, 0, 0], [0, 3, 0], [0, 0.5, 4]]))
    totals = counts.finalize()
    assert totals.n_tokens == 4
    assert totals.n_firings.tolist() == [0, 3, 2]
    assert totals.sum_activation.tolist() == [0, 5.5, 5]
    assert totals.sum_squares.tolist() == [0, 13.25, 17]
    assert totals.max_activation.tolist() == [0, 3, 4]
    assert totals.l0 == 1.25
    assert totals.density is not None
    assert totals.density.tolist() == [0, 0.75, 0.5]


def test_without_tokens_l0_and_density_are_undefined() -> None:
    totals = FiringCounts(3).finalize()
    assert totals.l0 is None
    assert totals.density is None


def test_counts_and_sums_are_wide() -> None:
    totals = FiringCounts(2).finalize()
    assert totals.n_firings.dtype == np.int64
    assert totals.sum_activation.dtype == totals.sum_squares.dtype == np.float64


def test_sums_do_not_round_as_float32_would() -> None:
    counts = FiringCounts(1)
    for value in (2.0**24, 1.0, 1.0):
        counts.update(one_row_each([[value]]))
    assert counts.finalize().sum_activation.tolist() == [2**24 + 2]


def test_what_was_finalized_stays() -> None:
    counts = FiringCounts(1)
    before = counts.finalize()
    counts.update(one_row_each([[1]]))
    assert before.n_firings.tolist() == [0]


def test_another_width_is_refused() -> None:
    with pytest.raises(ScoringError, match="shard of 2 latents, expected 3"):
        FiringCounts(3).update(one_row_each([[1, 1]]))


@settings(max_examples=30, deadline=None, derandomize=True)
@given(text=texts(), plan=plans)
@example(text=RICH_TEXT, plan=RICH_PLAN)
def test_equals_dense_under_any_split(text: DenseText, plan: Plan) -> None:
    acts = text.reference.astype(np.float64)
    expected = FiringTotals(
        n_tokens=len(acts),
        n_firings=(acts > 0).sum(axis=0),
        sum_activation=acts.sum(axis=0),
        sum_squares=np.square(acts).sum(axis=0),
        max_activation=text.reference.max(axis=0, initial=0),
    )
    found = plan.run(lambda: FiringCounts(acts.shape[1]), text, lambda counts, _, shard: counts.update(shard))
    assert_same(found, expected)

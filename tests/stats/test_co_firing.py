from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given, settings

from app.errors import ScoringError
from app.stats import co_firing
from app.stats.co_firing import CoFiring, CoFiringTable
from tests.stats.dense_text import RICH_PLAN, RICH_TEXT, DenseText, Plan, make_text, one_row_each, plans, texts


def assert_is_dense(table: CoFiringTable, left: np.ndarray, right: np.ndarray) -> None:
    left, right = left.astype(np.float64), right.astype(np.float64)
    assert table.n_tokens == len(left)
    assert table.n_both.dtype == np.int64
    np.testing.assert_array_equal(table.n_both.toarray(), (left > 0).T.astype(np.int64) @ (right > 0))


def test_hand_worked() -> None:
    accumulator = CoFiring(2, 3)
    accumulator.update(one_row_each([[1, 0], [2, 0], [0, 0]]), one_row_each([[0, 3, 0], [4, 5, 0], [0, 0, 6]]))
    table = accumulator.finalize()
    assert table.n_both.toarray().tolist() == [[1, 2, 0], [0, 0, 0]]
    assert table.n_both.nnz == 2


@settings(max_examples=30, deadline=None, derandomize=True)
@given(text=texts(), plan=plans)
@example(text=RICH_TEXT, plan=RICH_PLAN)
def test_equals_dense_under_any_split(text: DenseText, plan: Plan) -> None:
    widths = text.narrow.shape[1], text.reference.shape[1]
    table = plan.run(lambda: CoFiring(*widths), text, CoFiring.update)
    assert_is_dense(table, text.narrow, text.reference)


@pytest.mark.parametrize("entries", [1, 20])
def test_multiplying_in_several_parts_changes_nothing(entries: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(co_firing, "DENSE_ENTRIES", entries)
    text = make_text(seed=11)
    accumulator = CoFiring(5, 11)
    for narrow, reference in text.shards([1, 3, 4]):
        accumulator.update(narrow, reference)
    assert_is_dense(accumulator.finalize(), text.narrow, text.reference)


def test_the_pairs_are_sorted_and_none_is_empty() -> None:
    text = make_text(seed=12)
    accumulator = CoFiring(5, 11)
    for narrow, reference in text.shards([2, 5]):
        accumulator.update(narrow, reference)
        accumulator.finalize()
    n_both = accumulator.finalize().n_both
    assert n_both.has_sorted_indices
    assert (n_both.data > 0).all()


def test_an_sae_with_itself() -> None:
    text = make_text(seed=13)
    shard = text.whole()[1]
    accumulator = CoFiring(11, 11)
    accumulator.update(shard, shard)
    table = accumulator.finalize()
    assert_is_dense(table, text.reference, text.reference)
    np.testing.assert_array_equal(table.n_both.diagonal(), (text.reference > 0).sum(axis=0))


def test_what_was_finalized_stays() -> None:
    accumulator = CoFiring(1, 1)
    before = accumulator.finalize()
    accumulator.update(one_row_each([[1]]), one_row_each([[1]]))
    assert accumulator.finalize().n_both.nnz == 1
    assert before.n_both.nnz == 0


def test_shards_of_other_tokens_are_refused() -> None:
    text = make_text(seed=14)
    (narrow, _), (_, reference) = text.shards([3])
    with pytest.raises(ScoringError, match="expected the same rows and positions"):
        CoFiring(5, 11).update(narrow, reference)


def test_another_width_is_refused() -> None:
    narrow, reference = make_text(seed=14).whole()
    with pytest.raises(ScoringError, match="shard of 11 latents, expected 10"):
        CoFiring(5, 10).update(narrow, reference)
    with pytest.raises(ScoringError, match="shard of 5 latents, expected 4"):
        CoFiring(4, 11).update(narrow, reference)

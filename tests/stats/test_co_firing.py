from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given, settings

from app.errors import ScoringError
from app.stats import paired
from app.stats.co_firing import CoFiring, CoFiringTable
from tests.stats.dense import RICH_PLAN, RICH_TEXT, DenseText, Plan, make_text, one_row_each, plans, texts


def assert_is_dense(table: CoFiringTable, left: np.ndarray, right: np.ndarray) -> None:
    left, right = left.astype(np.float64), right.astype(np.float64)
    assert table.n_tokens == len(left)
    assert table.n_both.dtype == np.int64
    assert table.sum_products is not None
    assert table.sum_products.dtype == np.float64
    np.testing.assert_array_equal(table.n_both.toarray(), (left > 0).T.astype(np.int64) @ (right > 0))
    np.testing.assert_array_equal(table.sum_products.toarray(), left.T @ right)


def test_hand_worked() -> None:
    co_firing = CoFiring(2, 3)
    co_firing.update(one_row_each([[1, 0], [2, 0], [0, 0]]), one_row_each([[0, 3, 0], [4, 5, 0], [0, 0, 6]]))
    table = co_firing.finalize()
    assert table.n_both.toarray().tolist() == [[1, 2, 0], [0, 0, 0]]
    assert table.sum_products is not None
    assert table.sum_products.toarray().tolist() == [[8, 13, 0], [0, 0, 0]]
    assert table.n_both.nnz == 2


@settings(max_examples=30, deadline=None, derandomize=True)
@given(text=texts(), plan=plans)
@example(text=RICH_TEXT, plan=RICH_PLAN)
def test_equals_dense_under_any_split(text: DenseText, plan: Plan) -> None:
    widths = text.narrow.shape[1], text.reference.shape[1]
    table = plan.run(lambda: CoFiring(*widths), text, CoFiring.update)
    assert_is_dense(table, text.narrow, text.reference)


@pytest.mark.parametrize("entries", [1, 60])
def test_multiplying_in_several_parts_changes_nothing(entries: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paired, "BUFFER_ENTRIES", entries)
    text = make_text(seed=11)
    co_firing = CoFiring(5, 11)
    for narrow, reference in text.shards([1, 3, 4]):
        co_firing.update(narrow, reference)
    assert_is_dense(co_firing.finalize(), text.narrow, text.reference)


def test_both_matrices_hold_the_same_sorted_pairs() -> None:
    text = make_text(seed=12)
    co_firing = CoFiring(5, 11)
    for narrow, reference in text.shards([2, 5]):
        co_firing.update(narrow, reference)
        co_firing.finalize()
    table = co_firing.finalize()
    assert table.sum_products is not None
    np.testing.assert_array_equal(table.n_both.indptr, table.sum_products.indptr)
    np.testing.assert_array_equal(table.n_both.indices, table.sum_products.indices)
    assert table.n_both.has_sorted_indices


def test_an_sae_with_itself() -> None:
    text = make_text(seed=13)
    shard = text.whole()[1]
    co_firing = CoFiring(11, 11)
    co_firing.update(shard, shard)
    table = co_firing.finalize()
    assert_is_dense(table, text.reference, text.reference)
    np.testing.assert_array_equal(table.n_both.diagonal(), (text.reference > 0).sum(axis=0))


def test_what_was_finalized_stays() -> None:
    co_firing = CoFiring(1, 1)
    before = co_firing.finalize()
    co_firing.update(one_row_each([[1]]), one_row_each([[1]]))
    assert co_firing.finalize().n_both.nnz == 1
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

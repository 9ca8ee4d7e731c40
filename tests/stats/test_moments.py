from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from app.errors import ScoringError
from app.stats import paired
from app.stats.moments import CandidateLists, CandidateMoments, CandidateSums, candidate_lists
from tests.stats.dense import RICH_PLAN, RICH_TEXT, DenseText, Plan, assert_same, make_text, one_row_each, plans, texts

N_BLOCKS = 3


def random_lists(n_narrow: int, n_reference: int, seed: int) -> CandidateLists:
    """Lists of unequal length; some narrow latents have none."""
    rng = np.random.default_rng(seed)
    narrow, reference = np.nonzero(rng.random((n_narrow, n_reference)) < rng.choice([0.0, 0.4, 1.0], (n_narrow, 1)))
    shuffled = np.lexsort((rng.random(len(narrow)), narrow))
    return candidate_lists(narrow, reference[shuffled])


def by_looping(text: DenseText, lists: CandidateLists, n_blocks: int) -> CandidateSums:
    """The sums, one cell at a time."""
    n_lists, longest = lists.reference.shape
    cells = np.zeros((n_blocks, n_lists, longest))
    counts = cells.astype(np.int64)
    sums = CandidateSums(
        lists=lists,
        n_tokens=np.zeros(n_blocks, dtype=np.int64),
        narrow_firings=np.zeros((n_blocks, n_lists), dtype=np.int64),
        narrow_sum=np.zeros((n_blocks, n_lists)),
        narrow_sum_squares=np.zeros((n_blocks, n_lists)),
        reference_firings=counts.copy(),
        reference_sum=cells.copy(),
        n_both=counts.copy(),
        sum_products=cells.copy(),
        gram=np.zeros((n_blocks, n_lists, longest, longest)),
    )
    for b in range(n_blocks):
        inside = text.row % n_blocks == b
        narrow, reference = text.narrow[inside].astype(np.float64), text.reference[inside].astype(np.float64)
        sums.n_tokens[b] = inside.sum()
        for n, i in enumerate(lists.narrow):
            a = narrow[:, i]
            sums.narrow_firings[b, n] = (a > 0).sum()
            sums.narrow_sum[b, n] = a.sum()
            sums.narrow_sum_squares[b, n] = a @ a
            for k in np.flatnonzero(lists.valid[n]):
                r = reference[:, lists.reference[n, k]]
                sums.reference_firings[b, n, k] = (r > 0).sum()
                sums.reference_sum[b, n, k] = r.sum()
                sums.n_both[b, n, k] = ((a > 0) & (r > 0)).sum()
                sums.sum_products[b, n, k] = a @ r
                for other in np.flatnonzero(lists.valid[n]):
                    sums.gram[b, n, k, other] = r @ reference[:, lists.reference[n, other]]
    return sums


def test_lists_hand_worked() -> None:
    lists = candidate_lists(np.array([1, 1, 4]), np.array([7, 2, 0]))
    assert lists.narrow.tolist() == [1, 4]
    assert lists.reference.tolist() == [[7, 2], [0, 0]]
    assert lists.valid.tolist() == [[True, True], [True, False]]


def test_pairs_out_of_order_are_refused() -> None:
    with pytest.raises(ScoringError, match="ascending narrow latents"):
        candidate_lists(np.array([1, 0]), np.array([0, 0]))


def test_sums_hand_worked() -> None:
    # Rows 0 and 2 are in block 0, row 1 in block 1.
    moments = CandidateMoments(candidate_lists(np.array([0, 0]), np.array([2, 0])), 1, 3, n_blocks=2)
    moments.update(one_row_each([[1], [2], [0]]), one_row_each([[0, 9, 3], [4, 9, 5], [6, 0, 1]]))
    sums = moments.finalize()
    assert sums.n_tokens.tolist() == [2, 1]
    assert sums.narrow_firings.tolist() == [[1], [1]]
    assert sums.narrow_sum.tolist() == [[1], [2]]
    assert sums.narrow_sum_squares.tolist() == [[1], [4]]
    assert sums.reference_firings.tolist() == [[[2, 1]], [[1, 1]]]
    assert sums.reference_sum.tolist() == [[[4, 6]], [[5, 4]]]
    assert sums.n_both.tolist() == [[[1, 0]], [[1, 1]]]
    assert sums.sum_products.tolist() == [[[3, 0]], [[10, 8]]]
    assert sums.gram.tolist() == [[[[10, 6], [6, 36]]], [[[25, 20], [20, 16]]]]


@settings(max_examples=30, deadline=None, derandomize=True)
@given(text=texts(), plan=plans, seed=st.integers(0, 99))
@example(text=RICH_TEXT, plan=RICH_PLAN, seed=1)
def test_equals_dense_under_any_split(text: DenseText, plan: Plan, seed: int) -> None:
    widths = text.narrow.shape[1], text.reference.shape[1]
    lists = random_lists(*widths, seed)
    found = plan.run(lambda: CandidateMoments(lists, *widths, N_BLOCKS), text, CandidateMoments.update)
    assert_same(found, by_looping(text, lists, N_BLOCKS))


@pytest.mark.parametrize("entries", [1, 60])
def test_multiplying_in_several_parts_changes_nothing(entries: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paired, "BUFFER_ENTRIES", entries)
    text, lists = make_text(seed=21), random_lists(5, 11, seed=1)
    moments = CandidateMoments(lists, 5, 11, N_BLOCKS)
    for narrow, reference in text.shards([1, 3, 4]):
        moments.update(narrow, reference)
    assert_same(moments.finalize(), by_looping(text, lists, N_BLOCKS))


def test_the_moments_give_the_regression_that_dense_activations_give() -> None:
    text = make_text(seed=22, n_rows=40, n_reference=4, active=0.8)
    lists = candidate_lists(np.zeros(4, dtype=np.int64), np.arange(4))
    moments = CandidateMoments(lists, 5, 4)
    moments.update(*text.whole())
    sums = moments.finalize()
    n, mean = sums.n_tokens.sum(), sums.reference_sum.sum(axis=0)[0] / sums.n_tokens.sum()
    centred = sums.gram.sum(axis=0)[0] - n * np.outer(mean, mean)
    covariance = sums.sum_products.sum(axis=0)[0] - sums.narrow_sum.sum(axis=0)[0] * mean
    fires = text.reference.any(axis=0)
    solved = np.linalg.solve(centred[np.ix_(fires, fires)], covariance[fires])
    design = np.column_stack([text.reference[:, fires], np.ones(n)]).astype(np.float64)
    expected = np.linalg.lstsq(design, text.narrow[:, 0].astype(np.float64))[0][:-1]
    assert fires.sum() >= 2
    np.testing.assert_allclose(solved, expected, rtol=1e-9, atol=1e-12)


def test_without_lists_only_tokens_are_counted() -> None:
    text = make_text(seed=23)
    nothing = np.zeros(0, dtype=np.int64)
    moments = CandidateMoments(candidate_lists(nothing, nothing), 5, 11)
    moments.update(*text.whole())
    sums = moments.finalize()
    assert sums.n_tokens.sum() == len(text.row)
    assert sums.gram.shape == (8, 0, 0, 0)

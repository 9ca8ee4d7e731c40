from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from app.errors import ScoringError
from app.sparse.csr import SparseActs
from app.stats import joint_firings as finding
from app.stats.joint_firings import JointFinder, joint_firings
from app.stats.pairs import LatentPairs, PairContexts, PairHistograms, PairRows, PairSums, PairTotals
from tests.stats.dense_text import (
    RICH_PLAN,
    RICH_TEXT,
    DenseText,
    Plan,
    assert_same,
    make_text,
    one_row_each,
    plans,
    texts,
)

NARROW_EDGES = np.array([0.25, 0.5, 1.0])
REFERENCE_EDGES = np.array([0.1, 0.4, 0.8, 2.0])


def some_pairs(text: DenseText, seed: int) -> LatentPairs:
    """Unsorted, some twice, some latents in none."""
    rng = np.random.default_rng(seed)
    return LatentPairs(rng.integers(0, text.narrow.shape[1], 9), rng.integers(0, text.reference.shape[1], 9))


def all_pairs(text: DenseText) -> LatentPairs:
    narrow, reference = np.indices((text.narrow.shape[1], text.reference.shape[1]))
    return LatentPairs(narrow.ravel(), reference.ravel())


def edges_for(text: DenseText) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Edges that differ between latents."""
    narrow = NARROW_EDGES * np.arange(1.0, 1 + text.narrow.shape[1])[:, None]
    reference = REFERENCE_EDGES * np.arange(1.0, 1 + text.reference.shape[1])[:, None]
    return narrow, reference


def bin_by_hand(value: float, edges: list[float]) -> int:
    return sum(edge <= value for edge in edges[1:-1])


def add_to_histogram(histogram: PairHistograms, narrow: SparseActs, reference: SparseActs) -> None:
    histogram.update(joint_firings(narrow, reference, histogram.pairs))


def add_to_contexts(contexts: PairContexts, narrow: SparseActs, reference: SparseActs) -> None:
    contexts.update(narrow, joint_firings(narrow, reference, contexts.pairs))


@pytest.mark.parametrize(("table", "walked"), [(1 << 26, 1 << 17), (40, 3), (1, 1)])
def test_joint_firings_are_those_of_the_dense_product_sorted(
    monkeypatch: pytest.MonkeyPatch, table: int, walked: int
) -> None:
    """Also where only some tokens fit in the table, and when a finder is used again."""
    monkeypatch.setattr(finding, "TABLE_ENTRIES", table)
    monkeypatch.setattr(finding, "WALKED_AT_ONCE", walked)
    text = make_text(seed=31, active=0.6)
    pairs = all_pairs(text)
    finder = JointFinder(pairs, text.narrow.shape[1], text.reference.shape[1])
    finder.find(*make_text(seed=30, active=0.9).whole())
    found = finder.find(*text.whole())
    both = (text.narrow[:, pairs.narrow] > 0) & (text.reference[:, pairs.reference] > 0)
    pair, token = np.nonzero(both.T)
    assert len(pair) > 100
    np.testing.assert_array_equal(found.pair, pair)
    np.testing.assert_array_equal(found.token, token)
    np.testing.assert_array_equal(found.narrow, text.narrow[token, pairs.narrow[pair]])
    np.testing.assert_array_equal(found.reference, text.reference[token, pairs.reference[pair]])


def test_sums_hand_worked() -> None:
    pairs = LatentPairs(np.array([0, 0]), np.array([1, 0]))
    sums = PairSums(pairs)
    narrow, reference = one_row_each([[1], [2], [0], [3]]), one_row_each([[0, 5], [4, 2], [6, 6], [0, 0]])
    sums.update(joint_firings(narrow, reference, pairs))
    found = sums.finalize()
    assert found.n_both.tolist() == [2, 1]
    assert found.sum_products.tolist() == [9, 8]


@settings(max_examples=30, deadline=None, derandomize=True)
@given(text=texts(), plan=plans, seed=st.integers(0, 99))
@example(text=RICH_TEXT, plan=RICH_PLAN, seed=1)
def test_sums_equal_the_dense_product_under_any_split(text: DenseText, plan: Plan, seed: int) -> None:
    pairs = some_pairs(text, seed)
    found = plan.run(lambda: PairSums(pairs), text, lambda sums, i, j: sums.update(joint_firings(i, j, pairs)))
    narrow = text.narrow[:, pairs.narrow].astype(np.float64)
    reference = text.reference[:, pairs.reference].astype(np.float64)
    both = ((narrow > 0) & (reference > 0)).sum(axis=0)
    assert_same(found, PairTotals(both, (narrow * reference).sum(axis=0)))


def test_histogram_hand_worked() -> None:
    edges = np.array([[1.0, 2.0, 4.0]])
    histogram = PairHistograms(LatentPairs(np.array([0]), np.array([0])), edges, edges)
    # Beside one another: outside below, on the inner edge, outside above, narrow alone, neither.
    add_to_histogram(histogram, one_row_each([[0.5], [2], [9], [1], [0]]), one_row_each([[1], [1.9], [2], [0], [0]]))
    assert histogram.finalize().tolist() == [[[1, 0], [1, 1]]]


@settings(max_examples=30, deadline=None, derandomize=True)
@given(text=texts(), plan=plans, seed=st.integers(0, 99))
@example(text=RICH_TEXT, plan=RICH_PLAN, seed=1)
def test_histogram_equals_looping_under_any_split(text: DenseText, plan: Plan, seed: int) -> None:
    pairs, (narrow_edges, reference_edges) = some_pairs(text, seed), edges_for(text)
    counts = plan.run(lambda: PairHistograms(pairs, narrow_edges, reference_edges), text, add_to_histogram)
    expected = np.zeros((9, 2, 3), dtype=np.int64)
    for pair, (i, j) in enumerate(zip(pairs.narrow.tolist(), pairs.reference.tolist(), strict=True)):
        for a, r in zip(text.narrow[:, i].tolist(), text.reference[:, j].tolist(), strict=True):
            if a > 0 and r > 0:
                cell = bin_by_hand(a, narrow_edges[i].tolist()), bin_by_hand(r, reference_edges[j].tolist())
                expected[pair][cell] += 1
    np.testing.assert_array_equal(counts, expected)
    assert counts.dtype == np.int64


def test_a_pair_s_cells_add_up_to_the_tokens_on_which_both_fire() -> None:
    text = make_text(seed=32)
    histogram = PairHistograms(all_pairs(text), *edges_for(text))
    add_to_histogram(histogram, *text.whole())
    n_both = (text.narrow > 0).T.astype(np.int64) @ (text.reference > 0)
    np.testing.assert_array_equal(histogram.finalize().sum(axis=(1, 2)), n_both.ravel())


def test_contexts_hand_worked() -> None:
    pairs = LatentPairs(np.array([0]), np.array([0]))
    contexts = PairContexts(pairs, np.array([4], dtype=np.float32), np.array([2], dtype=np.float32), k=2)
    add_to_contexts(contexts, one_row_each([[4], [2], [3], [0]]), one_row_each([[0.5], [2], [1], [2]]))
    rows = contexts.finalize()
    # min(1, ¼), min(½, 1), min(¾, ½): rows 1 and 2 tie and are ranked by index.
    assert rows.row.tolist() == [1, 2]
    assert rows.position.tolist() == [3, 3]
    assert rows.strength.tolist() == [0.5, 0.5]


def rows_by_looping(text: DenseText, pairs: LatentPairs, k: int) -> list[tuple[int, int, int, float]]:
    chosen = []
    for pair, (i, j) in enumerate(zip(pairs.narrow.tolist(), pairs.reference.tolist(), strict=True)):
        best: dict[int, tuple[float, int, int]] = {}
        for token in np.flatnonzero((text.narrow[:, i] > 0) & (text.reference[:, j] > 0)).tolist():
            of_narrow = float(text.narrow[token, i]) / float(text.narrow[:, i].max())
            of_reference = float(text.reference[token, j]) / float(text.reference[:, j].max())
            row = int(text.row[token])
            place = (-min(of_narrow, of_reference), row, int(text.position[token]))
            best[row] = min(best.get(row, place), place)
        chosen += [(pair, row, position, -weakness) for weakness, row, position in sorted(best.values())[:k]]
    return chosen


@settings(max_examples=30, deadline=None, derandomize=True)
@given(text=texts(), plan=plans, seed=st.integers(0, 99))
@example(text=RICH_TEXT, plan=RICH_PLAN, seed=1)
def test_contexts_equal_looping_under_any_split(text: DenseText, plan: Plan, seed: int) -> None:
    pairs = some_pairs(text, seed)
    largest = text.narrow.max(axis=0, initial=0), text.reference.max(axis=0, initial=0)
    rows: PairRows = plan.run(lambda: PairContexts(pairs, *largest, k=2), text, add_to_contexts)
    columns = (rows.pair, rows.row, rows.position, rows.strength)
    found = list(zip(*(column.tolist() for column in columns), strict=True))
    assert found == rows_by_looping(text, pairs, k=2)


def test_no_pair_at_all() -> None:
    text, nothing = make_text(seed=33), np.zeros(0, dtype=np.int64)
    pairs = LatentPairs(nothing, nothing)
    histogram = PairHistograms(pairs, *edges_for(text))
    add_to_histogram(histogram, *text.whole())
    assert histogram.finalize().shape == (0, 2, 3)
    contexts = PairContexts(pairs, text.narrow.max(axis=0), text.reference.max(axis=0))
    add_to_contexts(contexts, *text.whole())
    assert len(contexts.finalize().row) == 0


def test_shards_of_other_tokens_or_widths_are_refused() -> None:
    text = make_text(seed=34)
    (narrow, reference), (_, later) = text.shards([3])
    finder = JointFinder(all_pairs(text), 5, 11)
    with pytest.raises(ScoringError, match="same rows and positions"):
        finder.find(narrow, later)
    with pytest.raises(ScoringError, match="shard of 4 latents, expected 5"):
        finder.find(narrow.select(4), reference)

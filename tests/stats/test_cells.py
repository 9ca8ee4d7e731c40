from __future__ import annotations

import numpy as np
from hypothesis import example, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from app.records import BySide
from app.sparse.csr import SparseActs
from app.stats import cells as module
from app.stats.cells import CELL_EDGES, N_CELL_BINS, CellCounter, CellCounts, CellRows
from app.stats.histograms import ActivationHistograms
from app.stats.joint_firings import JointFinder
from app.stats.pairs import LatentPairs
from tests.stats.dense_text import RICH_PLAN, RICH_TEXT, DenseText, Plan, make_text, one_row_each, plans, texts

Spot = tuple[int, int, int, int]
"""Latent, cell or partner, row, position."""


def partners_for(text: DenseText, seed: int, k: int = 3) -> tuple[LatentPairs, NDArray[np.int64]]:
    """(all pairs of a latent's partners and of some other ones, `[n, k]` distinct partners, some lists shorter)."""
    rng = np.random.default_rng(seed)
    n, m = text.narrow.shape[1], text.reference.shape[1]
    partners = np.full((n, k), -1, dtype=np.int64)
    pairs = []
    for i in range(n):
        some = rng.permutation(m)[: rng.integers(0, m + 1)]
        kept = some[: min(k, len(some))]
        partners[i, : len(kept)] = kept
        pairs += [(i, int(j)) for j in rng.permutation(some)]
    both = np.array(pairs, dtype=np.int64).reshape(-1, 2)
    return LatentPairs(both[:, 0], both[:, 1]), partners


def count(counter: CellCounter, narrow: SparseActs, reference: SparseActs, pairs: LatentPairs) -> None:
    counter.update(
        BySide(narrow, reference), JointFinder(pairs, narrow.n_latents, reference.n_latents).find(narrow, reference)
    )


def run(text: DenseText, pairs: LatentPairs, partners: NDArray[np.int64], plan: Plan | None = None) -> CellCounts:
    if plan is None:
        counter = CellCounter(pairs, partners)
        count(counter, *text.whole(), pairs)
        return counter.finalize()
    found: CellCounts = plan.run(
        lambda: CellCounter(pairs, partners), text, lambda each, i, j: count(each, i, j, pairs)
    )
    return found


def cell_by_hand(text: DenseText, partners: NDArray[np.int64], i: int, token: int) -> int:
    fires = [j >= 0 and text.reference[token, j] > 0 for j in partners[i].tolist()]
    return sum(1 << k for k, each in enumerate(fires) if each)


def counts_by_hand(text: DenseText, partners: NDArray[np.int64]) -> NDArray[np.int64]:
    counts = np.zeros((len(partners), 1 << partners.shape[1], N_CELL_BINS), dtype=np.int64)
    for token, i in np.argwhere(text.narrow > 0).tolist():
        bin_ = sum(edge <= text.narrow[token, i] for edge in CELL_EDGES[1:-1].tolist())
        counts[i, cell_by_hand(text, partners, i, token), bin_] += 1
    return counts


def strongest_by_hand(candidates: list[tuple[int, int, float, int, int]], k: int) -> list[Spot]:
    """(latent, place, activation, row, position) -> the strongest token of each row, the k strongest rows of each."""
    rows: dict[tuple[int, int, int], tuple[float, int]] = {}
    for latent, place, value, row, position in candidates:
        key, found = (latent, place, row), (-value, position)
        rows[key] = min(rows.get(key, found), found)
    groups: dict[tuple[int, int], list[tuple[float, int, int]]] = {}
    for (latent, place, row), (weakness, position) in rows.items():
        groups.setdefault((latent, place), []).append((weakness, row, position))
    return [(*group, row, position) for group in sorted(groups) for _, row, position in sorted(groups[group])[:k]]


def rows_by_hand(text: DenseText, partners: NDArray[np.int64]) -> list[Spot]:
    found = [
        (i, cell_by_hand(text, partners, i, t), float(text.narrow[t, i]), int(text.row[t]), int(text.position[t]))
        for t, i in np.argwhere(text.narrow > 0).tolist()
    ]
    return strongest_by_hand(found, module.N_CONTEXTS)


def near_misses_by_hand(text: DenseText, partners: NDArray[np.int64]) -> list[Spot]:
    found = [
        (i, k, float(text.reference[t, j]), int(text.row[t]), int(text.position[t]))
        for i in range(len(partners))
        for k, j in enumerate(partners[i].tolist())
        for t in range(len(text.row))
        if j >= 0 and text.reference[t, j] > 0 and not text.narrow[t, i]
    ]
    return strongest_by_hand(found, module.N_NEAR_MISSES)


def spots(rows: CellRows) -> list[Spot]:
    columns = (rows.latent, rows.place, rows.row, rows.position)
    return list(zip(*(column.tolist() for column in columns), strict=True))


@settings(max_examples=30, deadline=None, derandomize=True)
@given(text=texts(), plan=plans, seed=st.integers(0, 99))
@example(text=RICH_TEXT, plan=RICH_PLAN, seed=1)
def test_all_results_equal_looping_under_any_split(text: DenseText, plan: Plan, seed: int) -> None:
    pairs, partners = partners_for(text, seed)
    found = run(text, pairs, partners, plan)
    np.testing.assert_array_equal(found.counts, counts_by_hand(text, partners))
    assert spots(found.rows) == rows_by_hand(text, partners)
    assert spots(found.near_misses) == near_misses_by_hand(text, partners)


def test_each_shard_after_the_first_is_held_against_the_rows_so_far() -> None:
    text = make_text(seed=14, n_rows=60, active=0.5, levels=60)
    pairs, partners = partners_for(text, 2)
    found = run(text, pairs, partners, Plan(cuts=tuple(range(1, 60)), seed=3, first=30))
    assert len(found.rows.row) > 60
    assert spots(found.rows) == rows_by_hand(text, partners)
    assert spots(found.near_misses) == near_misses_by_hand(text, partners)


def test_cells_add_up_to_the_histogram_of_activations() -> None:
    text = make_text(seed=6, levels=200)
    found = run(text, *partners_for(text, 4))
    whole = ActivationHistograms(text.narrow.shape[1])
    whole.update(text.whole()[0])
    expected = whole.finalize().counts.reshape(text.narrow.shape[1], N_CELL_BINS, module.BINS_JOINED).sum(axis=2)
    np.testing.assert_array_equal(found.counts.sum(axis=1), expected)


def test_hand_worked() -> None:
    narrow = one_row_each([[4], [2], [1], [8], [0], [0]])
    reference = one_row_each([[1, 0], [1, 1], [0, 1], [0, 0], [3, 0], [5, 2]])
    pairs, partners = LatentPairs(np.array([0, 0]), np.array([1, 0])), np.array([[0, 1]])
    counter = CellCounter(pairs, partners)
    count(counter, narrow, reference, pairs)
    found = counter.finalize()
    # Neither, the main partner alone, the other alone, both.
    assert found.counts.sum(axis=2).tolist() == [[1, 1, 1, 1]]
    assert spots(found.rows) == [(0, 0, 3, 3), (0, 1, 0, 3), (0, 2, 2, 3), (0, 3, 1, 3)]
    assert spots(found.near_misses) == [(0, 0, 5, 3), (0, 0, 4, 3), (0, 1, 5, 3)]


def test_a_latent_without_partners_has_one_cell() -> None:
    text = make_text(seed=7)
    nothing = LatentPairs(np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64))
    found = run(text, nothing, np.full((text.narrow.shape[1], 4), -1))
    np.testing.assert_array_equal(found.counts.sum(axis=2)[:, 0], (text.narrow > 0).sum(axis=0))
    assert not len(found.near_misses.row)

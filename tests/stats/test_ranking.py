from __future__ import annotations

import numpy as np
import pytest

from app.stats import ranking
from app.stats.ranking import BestPerGroup, Candidates, first_smallest, join, ranks, run_starts


def candidates(group: list[int], key: list[float], row: list[int]) -> Candidates:
    n = len(group)
    return Candidates(
        group=np.array(group, dtype=np.int64),
        key=np.array(key, dtype=np.float64),
        row=np.array(row, dtype=np.int64),
        position=np.arange(n, dtype=np.int32),
        activation=np.ones(n, dtype=np.float32),
    )


def test_run_starts_and_ranks() -> None:
    starts = run_starts(np.array([1, 1, 2, 2, 2]), np.array([0, 0, 0, 5, 5]))
    assert starts.tolist() == [True, False, True, True, False]
    assert ranks(starts).tolist() == [0, 1, 0, 0, 1]


def test_first_smallest_takes_the_first_of_equals() -> None:
    starts = np.array([True, False, False, True, True, False])
    assert first_smallest(starts, np.array([3.0, 1, 1, 9, 2, 2])).tolist() == [1, 3, 4]


def test_first_smallest_of_nothing() -> None:
    assert len(first_smallest(np.zeros(0, dtype=np.bool_), np.zeros(0))) == 0


def test_equal_keys_are_ranked_by_row() -> None:
    best = BestPerGroup(2)
    best.add(candidates([1, 1, 0, 1], [5, 5, 9, 6], [8, 2, 0, 1]))
    kept = best.best()
    assert kept.group.tolist() == [0, 1, 1]
    assert kept.row.tolist() == [0, 2, 8]


def test_nothing_was_added() -> None:
    assert len(BestPerGroup(3).best()) == 0


@pytest.mark.parametrize("at_once", [2, 4, 1000])
@pytest.mark.parametrize("compact_at", [1, 50, 10**6])
def test_dropping_on_the_way_changes_nothing(compact_at: int, at_once: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ranking, "COMPACT_AT", compact_at)
    monkeypatch.setattr(ranking, "GROUPS_AT_ONCE", at_once)
    rng = np.random.default_rng(0)
    parts = [
        candidates(rng.integers(0, 6, 30).tolist(), rng.integers(0, 9, 30).tolist(), list(range(30 * n, 30 * n + 30)))
        for n in range(8)
    ]
    best = BestPerGroup(4)
    for part in parts:
        best.add(part)
    # What can still win is never left out, and what can't be known to lose isn't either.
    newcomers = candidates([5, 0, 1000], [99, -1, 99], [999, 999, 999])
    assert {1, 2} <= set(best.may_win(newcomers.group, newcomers.key).tolist())
    everything = join(parts)
    triples = sorted(zip(everything.group.tolist(), everything.key.tolist(), everything.row.tolist(), strict=True))
    expected = [triple for group in range(6) for triple in [t for t in triples if t[0] == group][:4]]
    kept = best.best()
    assert list(zip(kept.group.tolist(), kept.key.tolist(), kept.row.tolist(), strict=True)) == expected


def test_hashes_are_compared_as_whole_numbers() -> None:
    high = np.array([2**63 + 2, 2**63 + 1], dtype=np.uint64)
    part = candidates([0, 0], [0, 0], [0, 1])
    best = BestPerGroup(1)
    best.add(Candidates(part.group, high, part.row, part.position, part.activation))
    assert best.best().row.tolist() == [1]

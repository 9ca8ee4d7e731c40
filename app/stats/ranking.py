"""Choosing a few of many candidates, the same whatever order they come in."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.arrays import Flags, Float32s, Int32s, Int64s

GROUPS_AT_ONCE = 1 << 17
"""Groups that are put in order together."""

COMPACT_AT = 1 << 18
"""Candidates held before all but the best are dropped: about 8 MB."""


@dataclass(frozen=True)
class Candidates:
    """Rows of text that compete to be shown, at most one candidate a (group, row).

    Attributes:
        group: `[n]` int64, e.g. the latent; each group keeps its own best.
        key: `[n]` float64 or uint64; the smallest is the best.
        row: `[n]` int64 index of the row in the text; the lower one is better where keys are equal.
        position: `[n]` int32 place in the row.
        activation: `[n]` float32 at that place.
    """

    group: Int64s
    key: NDArray[Any]
    row: Int64s
    position: Int32s
    activation: Float32s

    def __len__(self) -> int:
        return len(self.group)

    def take(self, index: NDArray[Any]) -> Candidates:
        """Those at `index` (integers or a mask)."""
        return Candidates(**{field.name: getattr(self, field.name)[index] for field in fields(self)})


def join(parts: Sequence[Candidates]) -> Candidates:
    """All of several, at least one."""
    names = [field.name for field in fields(Candidates)]
    return Candidates(**{name: np.concatenate([getattr(part, name) for part in parts]) for name in names})


def first_smallest(starts: Flags, key: NDArray[Any]) -> Int64s:
    """Index of the first smallest key of each run.

    Args:
        starts: `[n]` true where a run begins; the first one is true.
        key: `[n]`.
    """
    if not len(key):
        return np.zeros(0, dtype=np.int64)
    run = np.cumsum(starts) - 1
    smallest = np.flatnonzero(key == np.minimum.reduceat(key, np.flatnonzero(starts))[run])
    return smallest[run_starts(run[smallest])]


def run_starts(*columns: Int64s) -> Flags:
    """`[n]` true where any column differs from the entry before, and at the first entry."""
    starts = np.ones(len(columns[0]), dtype=np.bool_)
    starts[1:] = np.any([column[1:] != column[:-1] for column in columns], axis=0)
    return starts


def largest(values: NDArray[Any], k: int) -> Int64s:
    """Indices of the k largest values, in no order; of equal ones at the border the first."""
    if len(values) <= k:
        return np.arange(len(values))
    border = np.partition(values, -k)[-k]
    above = np.flatnonzero(values > border)
    return np.concatenate([above, np.flatnonzero(values == border)[: k - len(above)]])


class BestPerGroup:
    """Keeps the `k` best candidates of each group: exact, in whatever order they come.

    Groups are kept in ranges, of which one at a time is put in order: that takes several times what it keeps.

    Args:
        k: kept per group.
    """

    def __init__(self, k: int) -> None:
        self.k = k
        self._ranges: list[_GroupRange] = []

    def add(self, candidates: Candidates) -> None:
        """Let more candidates compete; a (group, row) must come only once."""
        for number, some in self._parts(candidates):
            self._ranges[number].add(some)

    def merge(self, other: BestPerGroup) -> None:
        """Let another one's best compete."""
        for theirs in other._ranges:
            for candidates in theirs.kept:
                self.add(candidates)

    def best(self) -> Candidates:
        """The best so far, sorted by group, then best first."""
        found = [each.best() for each in self._ranges if each.kept]
        return join(found) if found else _no_candidates()

    def may_win(self, group: Int64s, key: NDArray[Any]) -> Int64s:
        """Places of the candidates that are not worse than their group's last one; an equal key is decided by the row.

        What is sure to lose can so be left out before it is made a candidate.
        """
        if len(self._ranges) == 1 and group.max(initial=0) < GROUPS_AT_ONCE:
            return self._ranges[0].may_win(group, key)
        wins = np.ones(len(group), dtype=np.bool_)
        for number, place in self._places(group):
            if number < len(self._ranges):
                wins[place] = False
                wins[place[self._ranges[number].may_win(group[place], key[place])]] = True
        return np.flatnonzero(wins)

    def _parts(self, candidates: Candidates) -> Iterator[tuple[int, Candidates]]:
        """The candidates of each range that has some."""
        for number, place in self._places(candidates.group):
            while number >= len(self._ranges):
                self._ranges.append(_GroupRange(self.k, GROUPS_AT_ONCE * len(self._ranges)))
            yield number, candidates if len(place) == len(candidates) else candidates.take(place)

    @staticmethod
    def _places(group: Int64s) -> Iterator[tuple[int, Int64s]]:
        """(number of a range, places of its groups in the order given) of each range that has some."""
        if not len(group):
            return
        if group.max() < GROUPS_AT_ONCE:
            yield 0, np.arange(len(group))
            return
        number = group // GROUPS_AT_ONCE
        order = np.argsort(number, kind="stable")
        found, first = np.unique(number[order], return_index=True)
        yield from zip(found.tolist(), np.split(order, first[1:]), strict=True)


class _GroupRange:
    """The best of the groups `[first, first + GROUPS_AT_ONCE)`."""

    def __init__(self, k: int, first: int) -> None:
        self.kept: list[Candidates] = []
        self._k, self._first = k, first
        self._n_kept = 0
        self._compact_at = COMPACT_AT
        # The key of each full group's last one: what is worse need not be kept at all. Groups that are not full have
        # the largest key, as has the place behind the last one, which stands for all further groups.
        self._bars: NDArray[Any] | None = None

    def add(self, candidates: Candidates) -> None:
        kept = self.may_win(candidates.group, candidates.key)
        if len(kept) < len(candidates):
            candidates = candidates.take(kept)
        self.kept.append(candidates)
        self._n_kept += len(candidates)
        if self._n_kept > self._compact_at:
            self._compact()

    def best(self) -> Candidates:
        self._compact()
        return self.kept[0]

    def may_win(self, group: Int64s, key: NDArray[Any]) -> Int64s:
        if self._bars is None:
            return np.arange(len(group))
        return np.flatnonzero(key <= np.take(self._bars, group - self._first, mode="clip"))

    def _compact(self) -> None:
        everything = join(self.kept)
        order = np.lexsort((everything.row, everything.key, everything.group))
        rank = ranks(run_starts(everything.group[order]))
        self.kept = [everything.take(order[rank < self._k])]
        self._n_kept = len(self.kept[0])
        self._raise_bars(everything.take(order[rank == self._k - 1]))
        # What can't be dropped any more must not bring on a compaction at every call.
        self._compact_at = max(COMPACT_AT, 2 * self._n_kept)

    def _raise_bars(self, last: Candidates) -> None:
        """Remember the last candidate of each full group."""
        if not len(last):
            return
        worst = np.inf if last.key.dtype.kind == "f" else np.iinfo(last.key.dtype).max
        bars = np.full(0, worst, dtype=last.key.dtype) if self._bars is None else self._bars
        group = last.group - self._first
        missing = int(group.max()) + 2 - len(bars)
        if missing > 0:
            bars = np.concatenate([bars, np.full(missing, worst, dtype=bars.dtype)])
        bars[group] = last.key
        self._bars = bars


def ranks(starts: Flags) -> Int64s:
    """`[n]` place of each entry in its run, from 0; `starts` is true where a run begins."""
    begin = np.flatnonzero(starts)
    length = np.diff(np.append(begin, len(starts)))
    return np.arange(len(starts)) - np.repeat(begin, length)


def _no_candidates() -> Candidates:
    return Candidates(
        group=np.zeros(0, dtype=np.int64),
        key=np.zeros(0),
        row=np.zeros(0, dtype=np.int64),
        position=np.zeros(0, dtype=np.int32),
        activation=np.zeros(0, dtype=np.float32),
    )

"""Firings of narrow latents by which of their partners fire, counted shard by shard.

A cell of a narrow latent is a set of its kept partners: bit k of its number says that partner k fires.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from app.arrays import Flags, Float32s, Float64s, Int32s, Int64s
from app.records import BySide
from app.sparse.csr import SparseActs
from app.stats.histograms import EDGES, N_BINS, bin_of
from app.stats.index_ranges import expand_ranges
from app.stats.pairs import JointFirings, LatentPairs
from app.stats.ranking import BestPerGroup, Candidates, first_smallest, ranks, run_starts

BINS_JOINED = 2
"""Bins of the activation histogram that make one of the cells': four an octave."""

CELL_EDGES: Float64s = EDGES[::BINS_JOINED]
N_CELL_BINS = N_BINS // BINS_JOINED

N_CONTEXTS = 4
"""Rows kept of each cell: sixteen cells give any partner more than enough."""

N_NEAR_MISSES = 6


@dataclass(frozen=True)
class CellRows:
    """Rows chosen of narrow latents' cells, or of their partners' near misses, by latent, then place, strongest first.

    Attributes:
        latent: `[n]` int64 narrow latent.
        place: `[n]` int64 its cell; of near misses, which partner.
        row: `[n]` int64 in the text; position: `[n]` int32 in the row.
    """

    latent: Int64s
    place: Int64s
    row: Int64s
    position: Int32s


@dataclass(frozen=True)
class CellCounts:
    """Results.

    Attributes:
        partners: `[n_narrow, k]` reference latents, -1 for none.
        counts: `[n_narrow, 2^k, N_CELL_BINS]` firings by cell and activation.
        rows: with the strongest firings of each cell.
        near_misses: where a partner fires most strongly and the narrow latent is silent.
    """

    partners: Int64s
    counts: Int64s
    rows: CellRows
    near_misses: CellRows


class StrongestRows:
    """Per group the rows with the largest activations; each row by its strongest token, the first of equals.

    What can't be among them any more is dropped before it is put in order.
    """

    def __init__(self, n_groups: int, k: int) -> None:
        self._k = k
        self._best = BestPerGroup(k)
        self._bar = np.zeros(n_groups, dtype=np.float32)

    def may_win(self, group: Int64s, value: Float32s) -> Flags:
        """Which activations are at least as large as their group's last one."""
        return np.asarray(value >= self._bar[group], dtype=np.bool_)

    def add(self, acts: SparseActs, group: Int64s, token: Int64s, value: Float32s) -> None:
        """Let tokens of a shard compete; those of a group ascend."""
        order = np.argsort(group, kind="stable")
        group, token, value = group[order], token[order], value[order]
        row = acts.row[token]
        best = first_smallest(run_starts(group, row), -value)
        token = token[best]
        key = -value[best].astype(np.float64)
        self._best.add(Candidates(group[best], key, row[best], acts.position[token], value[best]))
        self._raise_bars()

    def merge(self, other: StrongestRows) -> None:
        """Let another one's rows compete."""
        self._best.merge(other._best)
        self._raise_bars()

    def best(self) -> Candidates:
        """The rows so far, by group, strongest first."""
        return self._best.best()

    def _raise_bars(self) -> None:
        best = self._best.best()
        last = ranks(run_starts(best.group)) == self._k - 1
        self._bar[best.group[last]] = best.activation[last]


class CellCounter:
    """Accumulates `CellCounts`.

    Args:
        pairs: all partner pairs, by narrow latent.
        partners: `[n_narrow, k]` those that are kept of each, at most eight; -1 for none.
    """

    def __init__(self, pairs: LatentPairs, partners: Int64s) -> None:
        self._pairs, self._partners = pairs, partners
        n_narrow, k = partners.shape
        self._k, self._n_cells = k, 1 << k
        found = partners[pairs.narrow] == pairs.reference[:, None]
        self._slot = np.where(found.any(axis=1), found.argmax(axis=1), -1)
        self._kept = np.flatnonzero(self._slot >= 0)
        self._counts = np.zeros((n_narrow, self._n_cells, N_CELL_BINS), dtype=np.int64)
        self._rows = StrongestRows(n_narrow * self._n_cells, N_CONTEXTS)
        self._near_misses = StrongestRows(n_narrow * k, N_NEAR_MISSES)

    def update(self, acts: BySide[SparseActs], both: JointFirings) -> None:
        """Add a shard; `both` are its joint firings of the pairs."""
        entries = both.narrow_entries
        group = entries.latent * self._n_cells + self._cells(both)
        np.add.at(self._counts.reshape(-1), group * N_CELL_BINS + bin_of(entries.value) // BINS_JOINED, 1)
        kept = self._rows.may_win(group, entries.value)
        self._rows.add(acts.narrow, group[kept], entries.token[kept], entries.value[kept])
        self._add_near_misses(acts, both)

    def merge(self, other: CellCounter) -> None:
        """Add what another counter of the same partners saw."""
        self._counts += other._counts
        self._rows.merge(other._rows)
        self._near_misses.merge(other._near_misses)

    def finalize(self) -> CellCounts:
        """The results so far."""
        return CellCounts(
            partners=self._partners,
            counts=self._counts.copy(),
            rows=_chosen(self._rows.best(), self._n_cells),
            near_misses=_chosen(self._near_misses.best(), self._k),
        )

    def _cells(self, both: JointFirings) -> NDArray[np.uint8]:
        """`[nnz]` cell of each firing, in the order of `by_latent`."""
        cells = np.zeros(len(both.narrow_entries.latent), dtype=np.uint8)
        slot = self._slot[both.pair]
        for k in range(self._k):
            cells[both.of_narrow[slot == k]] |= 1 << k
        return cells

    def _add_near_misses(self, acts: BySide[SparseActs], both: JointFirings) -> None:
        narrow, reference = self._pairs.narrow[self._kept], self._pairs.reference[self._kept]
        entries = both.reference_entries
        owner, entry = expand_ranges(entries.starts[reference], entries.starts[reference + 1])
        group = (narrow * self._k + self._slot[self._kept])[owner]
        kept = self._near_misses.may_win(group, entries.value[entry])
        owner, entry, group = owner[kept], entry[kept], group[kept]
        token = entries.token[entry]
        silent = both.narrow_entries.values_at(narrow[owner], token) == 0
        self._near_misses.add(acts.reference, group[silent], token[silent], entries.value[entry[silent]])


def _chosen(best: Candidates, n_places: int) -> CellRows:
    latent, place = np.divmod(best.group, n_places)
    return CellRows(latent, place, best.row, best.position)

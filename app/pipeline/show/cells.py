"""Firings of narrow latents by their partners, as the latents' pages show them."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from app.activations.batch import TokenRows
from app.arrays import Int64s
from app.pipeline.show.rounding import four_digits
from app.pipeline.show.windows import windows
from app.records import BySide, CellContext
from app.sparse.read import ComparisonShape
from app.stats.cells import CellCounts
from app.stats.stretches import FiringsOnStretches, SparseGather, Stretches

Activations = tuple[float, ...]


@dataclass(frozen=True)
class CellTable:
    """Activations around all rows chosen for cells and near misses, and of partners around the latents' contexts.

    Attributes:
        counts: the rows.
        start: `[n]` first place of each stretch, of cells, then of near misses.
        own: of the narrow latents on these, in four digits; partners: `[n * k]` of each of their partners, then
            `[c * k]` of each partner on the c contexts of narrow latents.
        first_context: `[n_narrow + 1]` the contexts of each narrow latent.
    """

    counts: CellCounts
    start: Int64s
    own: FiringsOnStretches
    partners: FiringsOnStretches
    first_context: Int64s

    def contexts(self, latent: int) -> tuple[CellContext, ...]:
        """The strongest firings of each cell of a latent, by cell."""
        rows = self.counts.rows
        return tuple(self._context(n) for n in range(*np.searchsorted(rows.latent, [latent, latent + 1])))

    def near_misses(self, latent: int, n_partners: int) -> tuple[tuple[CellContext, ...], ...]:
        """Of each partner of a latent, where it fires alone."""
        rows, before = self.counts.near_misses, len(self.counts.rows.latent)
        found = range(*np.searchsorted(rows.latent, [latent, latent + 1]))
        return tuple(tuple(self._context(before + n) for n in found if rows.place[n] == k) for k in range(n_partners))

    def shown_partners(self, latent: int, n_partners: int) -> tuple[tuple[Activations, ...], ...]:
        """Of each context of a latent, the activations of the partners behind the main one."""
        k, before = self.counts.partners.shape[1], len(self.start)
        contexts = range(self.first_context[latent], self.first_context[latent + 1])
        return tuple(
            tuple(activations(self.partners, (before + n) * k + j, is_short=True) for j in range(1, n_partners))
            for n in contexts
        )

    def _context(self, n: int) -> CellContext:
        rows = self.counts.rows if n < len(self.counts.rows.latent) else self.counts.near_misses
        at = n if rows is self.counts.rows else n - len(self.counts.rows.latent)
        k = self.counts.partners.shape[1]
        n_partners = int((self.counts.partners[rows.latent[at]] >= 0).sum())
        start, position = int(self.start[n]), int(rows.position[at])
        partners = tuple(activations(self.partners, n * k + j, is_short=True) for j in range(n_partners))
        fires = sum(1 << j for j, each in enumerate(partners) if each and each[position - start] > 0)
        own = activations(self.own, n)
        return CellContext(fires, int(rows.row[at]), position, start, own, partners)


def activations(found: FiringsOnStretches, request: int, *, is_short: bool = False) -> Activations:
    """Activations of one request; with `is_short` empty where it is silent on the whole stretch."""
    first, last = found.bounds[request : request + 2].tolist()
    if is_short and first == last:
        return ()
    values = [0.0] * int(found.length[request])
    for place, value in zip(found.place[first:last].tolist(), found.value[first:last].tolist(), strict=True):
        values[place] = value
    return tuple(values)


class CellGather:
    """Looks up what a `CellTable` holds.

    Args:
        rows: all rows of the text.
        shown: stretches of the contexts of narrow latents, by latent.
    """

    def __init__(self, rows: TokenRows, counts: CellCounts, shown: Stretches, shape: ComparisonShape) -> None:
        self._counts, self._shown, self._n_narrow = counts, shown, shape.n_latents.narrow
        chosen = (counts.rows, counts.near_misses)
        latent, row, position = (
            np.concatenate([getattr(each, name) for each in chosen]) for name in ("latent", "row", "position")
        )
        self._start, stop = windows(rows, row, position)
        own = Stretches(latent, row, self._start, stop)
        partners = _of_partners(own, counts.partners), _of_partners(shown, counts.partners)
        self.lookups = BySide(
            SparseGather(own, shape.n_latents.narrow), SparseGather(_joined(*partners), shape.n_latents.reference)
        )

    def finalize(self) -> CellTable:
        """The activations so far."""
        return CellTable(
            counts=self._counts,
            start=self._start,
            own=_rounded(self.lookups.narrow.finalize()),
            partners=_rounded(self.lookups.reference.finalize()),
            first_context=np.searchsorted(self._shown.latent, np.arange(self._n_narrow + 1)),
        )


def _rounded(found: FiringsOnStretches) -> FiringsOnStretches:
    return replace(found, value=four_digits(found.value))


def _of_partners(own: Stretches, partners: Int64s) -> Stretches:
    """`[n * k]` the same stretches for each partner of their latents; empty ones for a partner that is not there."""
    k = partners.shape[1]
    latent = partners[own.latent].reshape(-1)
    start, stop = np.repeat(own.start, k), np.repeat(own.stop, k)
    return Stretches(np.maximum(latent, 0), np.repeat(own.row, k), start, np.where(latent < 0, start, stop))


def _joined(one: Stretches, other: Stretches) -> Stretches:
    names = ("latent", "row", "start", "stop")
    return Stretches(*(np.concatenate([getattr(one, name), getattr(other, name)]) for name in names))

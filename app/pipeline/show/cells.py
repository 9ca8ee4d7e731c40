"""Firings of narrow latents by their partners, as the latents' pages show them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from app.activations.batch import TokenRows
from app.arrays import Int64s
from app.pipeline.show.rounding import four_digits
from app.pipeline.show.windows import windows
from app.records import BySide, CellContext
from app.sparse.read import ComparisonShape
from app.stats.cells import CellCounts, CellRows
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
        first, last = np.searchsorted(self.counts.rows.latent, [latent, latent + 1]).tolist()
        return tuple(self._contexts(latent, self.counts.rows, slice(first, last), 0))

    def near_misses(self, latent: int, n_partners: int) -> tuple[tuple[CellContext, ...], ...]:
        """Of each partner of a latent, where it fires alone."""
        rows, before = self.counts.near_misses, len(self.counts.rows.latent)
        entries = slice(*np.searchsorted(rows.latent, [latent, latent + 1]).tolist())
        contexts = self._contexts(latent, rows, entries, before)
        places = rows.place[entries].tolist()
        return tuple(
            tuple(context for context, place in zip(contexts, places, strict=True) if place == k)
            for k in range(n_partners)
        )

    def shown_partners(self, latent: int, n_partners: int) -> tuple[tuple[Activations, ...], ...]:
        """Of each context of a latent, the activations of the partners behind the main one."""
        k, before = self.counts.partners.shape[1], len(self.start)
        first, last = (self.first_context[latent : latent + 2] + before).tolist()
        found = activations(self.partners, first * k, last * k, is_short=True)
        return tuple(tuple(found[n * k + 1 : n * k + n_partners]) for n in range(last - first))

    def _contexts(self, latent: int, rows: CellRows, entries: slice, before: int) -> list[CellContext]:
        """Some rows of one latent, of which the first has the stretch `before + entries.start`."""
        first, last, k = before + entries.start, before + entries.stop, self.counts.partners.shape[1]
        n_partners = int((self.counts.partners[latent] >= 0).sum())
        own = activations(self.own, first, last)
        of_partners = activations(self.partners, first * k, last * k, is_short=True)
        columns = zip(
            rows.row[entries].tolist(),
            rows.position[entries].tolist(),
            self.start[first:last].tolist(),
            own,
            strict=True,
        )
        contexts = []
        for n, (row, position, start, values) in enumerate(columns):
            partners = tuple(of_partners[n * k : n * k + n_partners])
            fires = sum(1 << j for j, each in enumerate(partners) if each and each[position - start] > 0)
            contexts.append(CellContext(fires, row, position, start, values, partners))
        return contexts


def activations(found: FiringsOnStretches, first: int, last: int, *, is_short: bool = False) -> list[Activations]:
    """Activations of the requests `[first, last)`; with `is_short` empty where one is silent on the whole stretch."""
    bounds = found.bounds[first : last + 1].tolist()
    begin, end = bounds[0], bounds[-1]
    places, values = found.place[begin:end].tolist(), found.value[begin:end].tolist()
    shown: list[Activations] = []
    for (start, stop), length in zip(pairwise(bounds), found.length[first:last].tolist(), strict=True):
        if is_short and start == stop:
            shown.append(())
            continue
        on_stretch = [0.0] * length
        for entry in range(start - begin, stop - begin):
            on_stretch[places[entry]] = values[entry]
        shown.append(tuple(on_stretch))
    return shown


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

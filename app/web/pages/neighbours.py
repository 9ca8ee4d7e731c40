"""Other latents that a latent's page names: neighbours, and those before and after."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Engine

from app.records import LatentScores, Neighbour, Side
from app.store.cursors import Sort, parse_sort
from app.store.filters import Filter
from app.store.page import LatentQuery, latents_page
from app.web.pages.contexts.common import NearLatent
from app.web.shared.latents import Latents


def near_latents(neighbours: Sequence[Neighbour], side: Side, latents: Latents) -> tuple[NearLatent, ...]:
    """Neighbours with label and diagnosis, in the same order."""
    return tuple(
        NearLatent(side, n.index, latents[n.index].label, latents[n.index].diagnosis, n.decoder_cosine)
        for n in neighbours
        if n.index in latents
    )


def before_and_after(
    engine: Engine, slug: str, latent: LatentScores, query: LatentQuery
) -> tuple[int | None, int | None]:
    """The latents before and after one in a sorted, filtered table, whether or not it passes the filters itself.

    The order is the table's: ties by ascending index, undefined values last.
    """
    sort = parse_sort(query.sort)
    order = _Order(engine, slug, query, sort=sort, latent=latent)
    return order.previous(), order.next()


class _Order:
    """Finds the latents around one place of an order, by a few queries for one latent each."""

    def __init__(self, engine: Engine, slug: str, query: LatentQuery, *, sort: Sort, latent: LatentScores) -> None:
        self.engine, self.slug, self.query = engine, slug, query
        self.field, self.value, self.index = sort.field, getattr(latent, sort.field), latent.index
        self.onwards, self.back = ("lt", "gt") if sort.descending else ("gt", "lt")
        self.sort = str(sort)
        self.reverse = str(Sort(sort.field, not sort.descending))

    def next(self) -> int | None:
        """The latent after the place."""
        tie = self._first((self._same(self.value), Filter("index", "gt", self.index)), "index")
        if tie is not None or self.value is None:
            return _index(tie)
        beyond = self._first((Filter(self.field, self.onwards, self.value),), self.sort)
        return _index(beyond or self._first((self._same(None),), "index"))

    def previous(self) -> int | None:
        """The latent before the place."""
        tie = self._first((self._same(self.value), Filter("index", "lt", self.index)), "-index")
        if tie is not None:
            return tie.index
        defined = Filter(self.field, "isnull", False)
        before = defined if self.value is None else Filter(self.field, self.back, self.value)
        nearest = self._first((before,), self.reverse)
        if nearest is None:
            return None
        return _index(self._first((self._same(getattr(nearest, self.field)),), "-index"))

    def _same(self, value: int | float | str | None) -> Filter:
        return Filter(self.field, "isnull", True) if value is None else Filter(self.field, "eq", value)

    def _first(self, conditions: tuple[Filter, ...], sort: str) -> LatentScores | None:
        query = LatentQuery(
            self.query.side,
            sort=sort,
            filters=(*self.query.filters, *conditions),
            q=self.query.q,
            limit=1,
            count="none",
        )
        items = latents_page(self.engine, self.slug, query).items
        return items[0] if items else None


def _index(latent: LatentScores | None) -> int | None:
    return None if latent is None else latent.index

"""Keyset pagination by one or several fields, as queries that each read one range of one index."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Select, select

from app.catalogue import LATENT_FIELDS
from app.store.cursors import Place, Sort
from app.store.rows import LATENT_COLUMNS
from app.store.tables import latent_column, latents

LOWEST: dict[str, int | float | str] = {"integer": -(2**31), "number": -sys.float_info.max, "text": ""}
"""Kind of a field -> no stored value is below. `column >= lowest` leaves out nulls by a seek in the index, where
`IS NOT NULL` would step over each."""

Value = int | float | str | None


def segments(order: Sequence[Sort], place: Place | None) -> list[Select[Any]]:
    """What follows `place` (or all), as queries to be read one after another.

    Each reads one range of one index: the rest of the ties of the last values, the values beyond them, then the
    undefined ones. One query for all would have to skip what comes before, which takes longer with depth. Fields after
    the first sort among the first one's ties.
    """
    if place is None:
        return _after(order, 0, (), None)
    found = []
    if order[-1].field != "index":
        ties = [_same(sort, value) for sort, value in zip(order, place.values, strict=True)]
        found.append(_ordered(order).where(*ties, latents.c.latent_index > place.index))
    for depth in reversed(range(len(order))):
        before = [_same(sort, value) for sort, value in zip(order[:depth], place.values[:depth], strict=True)]
        if place.values[depth] is not None:
            found += _after(order, depth, before, place.values[depth])
    return found


def segments_before(order: Sequence[Sort], place: Place) -> list[Select[Any]]:
    """What comes before `place`, nearest first: `(index, values of the order's fields)`, read as `segments` are."""
    found = []
    if order[-1].field != "index":
        ties = [_same(sort, value) for sort, value in zip(order, place.values, strict=True)]
        found.append(_reversed(order, 0).where(*ties, latents.c.latent_index < place.index))
    for depth in reversed(range(len(order))):
        same = [_same(sort, value) for sort, value in zip(order[:depth], place.values[:depth], strict=True)]
        sort, value = order[depth], place.values[depth]
        opposite = Sort(sort.field, not sort.descending)
        # Before what is undefined stands all that is defined.
        nearer = _beyond(latent_column(sort.field), opposite, value)
        found.append(_reversed(order, depth).where(*same, nearer))
    return found


def sort_key(order: Sequence[Sort], values: Sequence[Value], index: int) -> tuple[Any, ...]:
    """What Python sorts by, in the same order."""
    return *(_Key(sort, value) for sort, value in zip(order, values, strict=True)), index


class _Key:
    """A value in its order: undefined ones last either way."""

    def __init__(self, sort: Sort, value: Value) -> None:
        self.sort, self.value = sort, value

    def __lt__(self, other: _Key) -> bool:
        if self.value is None or other.value is None:
            return self.value is not None and other.value is None
        low, high = (other.value, self.value) if self.sort.descending else (self.value, other.value)
        return low < high  # type: ignore[operator]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Key) and self.value == other.value

    def __hash__(self) -> int:
        return hash(self.value)


def _after(order: Sequence[Sort], depth: int, before: Sequence[ColumnElement[bool]], value: Value) -> list[Select[Any]]:
    """The values of one field beyond `value` (all of them for None), then its undefined ones."""
    sort = order[depth]
    column = latent_column(sort.field)
    query = _ordered(order[depth:]).where(*before)
    beyond = [query.where(_beyond(column, sort, value))]
    return [*beyond, query.where(column.is_(None))] if column.nullable else beyond


def _ordered(order: Sequence[Sort]) -> Select[Any]:
    """All columns, in order. The first field has no undefined values where others do."""
    first, *others = order
    terms = [_directed(first)]
    for sort in others:
        column = latent_column(sort.field)
        terms += [column.is_(None), _directed(sort)] if column.nullable else [_directed(sort)]
    if order[-1].field != "index":
        terms.append(latents.c.latent_index)
    return select(*LATENT_COLUMNS).order_by(*terms)


def _reversed(order: Sequence[Sort], depth: int) -> Select[Any]:
    """Index and sort fields in the opposite order of `_ordered`."""
    first, *others = order[depth:]
    terms = [_directed(Sort(first.field, not first.descending))]
    for sort in others:
        column, back = latent_column(sort.field), _directed(Sort(sort.field, not sort.descending))
        terms += [column.is_(None).desc(), back] if column.nullable else [back]
    if order[-1].field != "index":
        terms.append(latents.c.latent_index.desc())
    columns = [latent_column(sort.field).label(f"by_{sort.field}") for sort in order]
    return select(latents.c.latent_index.label("at"), *columns).order_by(*terms)


def _directed(sort: Sort) -> ColumnElement[Any]:
    column = latent_column(sort.field)
    return column.desc() if sort.descending else column


def _beyond(column: ColumnElement[Any], sort: Sort, value: Value) -> ColumnElement[bool]:
    if value is None:
        return column >= LOWEST[LATENT_FIELDS[sort.field].kind]
    return column < value if sort.descending else column > value


def _same(sort: Sort, value: Value) -> ColumnElement[bool]:
    column = latent_column(sort.field)
    return column.is_(None) if value is None else column == value

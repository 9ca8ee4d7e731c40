"""Keyset pagination by one or several fields, as queries that each read one range of one index."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from sqlalchemy import BindParameter, ColumnElement, Integer, Select, bindparam, select

from app.catalogue import LATENT_FIELDS
from app.store.cursors import Place, Sort
from app.store.rows import LATENT_COLUMNS
from app.store.tables import latent_column, latents

LOWEST: dict[str, int | float | str] = {"integer": -(2**31), "number": -sys.float_info.max, "text": ""}
"""Kind of a field -> no stored value is below. `column >= lowest` leaves out nulls by a seek in the index, where
`IS NOT NULL` would step over each."""

STATEMENTS = 256
"""Queries that are kept, by their order: making one takes as long as reading a page."""

Value = int | float | str | None


def binds(scope: tuple[int, str], place: Place | None, most: int) -> dict[str, Value]:
    """The parameters of the queries below: whose latents, after or before which one, and how many at most."""
    found: dict[str, Value] = {"comparison": scope[0], "of_side": scope[1], "most": most}
    if place is not None:
        found |= {f"value_{depth}": value for depth, value in enumerate(place.values)} | {"place": place.index}
    return found


def segments(order: tuple[Sort, ...], place: Place | None) -> tuple[Select[Any], ...]:
    """What follows `place` (or all), as queries to be read one after another, with the parameters of `binds`.

    Each reads one range of one index: the rest of the ties of the last values, the values beyond them, then the
    undefined ones. One query for all would have to skip what comes before, which takes longer with depth. Fields after
    the first sort among the first one's ties.
    """
    return _segments(order, None if place is None else _defined(place))


def segments_before(order: tuple[Sort, ...], place: Place) -> tuple[Select[Any], ...]:
    """What comes before `place`, nearest first: `(index, values of the order's fields)`, read as `segments` are."""
    return _segments_before(order, _defined(place))


def _defined(place: Place) -> tuple[bool, ...]:
    return tuple(value is not None for value in place.values)


@lru_cache(maxsize=STATEMENTS)
def _segments(order: tuple[Sort, ...], defined: tuple[bool, ...] | None) -> tuple[Select[Any], ...]:
    if defined is None:
        return tuple(_after(order, 0, (), is_defined=False))
    found = []
    if order[-1].field != "index":
        ties = [_same(order, depth, defined) for depth in range(len(order))]
        found.append(_ordered(order).where(*ties, latents.c.latent_index > bindparam("place")))
    for depth in reversed(range(len(order))):
        if defined[depth]:
            before = [_same(order, each, defined) for each in range(depth)]
            found += _after(order, depth, before, is_defined=True)
    return tuple(found)


@lru_cache(maxsize=STATEMENTS)
def _segments_before(order: tuple[Sort, ...], defined: tuple[bool, ...]) -> tuple[Select[Any], ...]:
    found = []
    if order[-1].field != "index":
        ties = [_same(order, depth, defined) for depth in range(len(order))]
        found.append(_reversed(order, 0).where(*ties, latents.c.latent_index < bindparam("place")))
    for depth in reversed(range(len(order))):
        same = [_same(order, each, defined) for each in range(depth)]
        opposite = Sort(order[depth].field, not order[depth].descending)
        # Before what is undefined stands all that is defined.
        nearer = _beyond(opposite, depth, is_defined=defined[depth])
        found.append(_reversed(order, depth).where(*same, nearer))
    return tuple(found)


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


def _after(
    order: tuple[Sort, ...], depth: int, before: Sequence[ColumnElement[bool]], *, is_defined: bool
) -> list[Select[Any]]:
    """The values of one field beyond the place's (all of them where it has none), then its undefined ones."""
    sort = order[depth]
    column = latent_column(sort.field)
    query = _ordered(order[depth:]).where(*before)
    beyond = [query.where(_beyond(sort, depth, is_defined=is_defined))]
    return [*beyond, query.where(column.is_(None))] if column.nullable else beyond


def _ordered(order: tuple[Sort, ...]) -> Select[Any]:
    """All columns, in order. The first field has no undefined values where others do."""
    first, *others = order
    terms = [_directed(first)]
    for sort in others:
        column = latent_column(sort.field)
        terms += [column.is_(None), _directed(sort)] if column.nullable else [_directed(sort)]
    if order[-1].field != "index":
        terms.append(latents.c.latent_index)
    return _scoped(select(*LATENT_COLUMNS)).order_by(*terms)


def _reversed(order: tuple[Sort, ...], depth: int) -> Select[Any]:
    """Index and sort fields in the opposite order of `_ordered`."""
    first, *others = order[depth:]
    terms = [_directed(Sort(first.field, not first.descending))]
    for sort in others:
        column, back = latent_column(sort.field), _directed(Sort(sort.field, not sort.descending))
        terms += [column.is_(None).desc(), back] if column.nullable else [back]
    if order[-1].field != "index":
        terms.append(latents.c.latent_index.desc())
    columns = [latent_column(sort.field).label(f"by_{sort.field}") for sort in order]
    return _scoped(select(latents.c.latent_index.label("at"), *columns)).order_by(*terms)


def _directed(sort: Sort) -> ColumnElement[Any]:
    column = latent_column(sort.field)
    return column.desc() if sort.descending else column


def _scoped(query: Select[Any]) -> Select[Any]:
    whose = latents.c.comparison_id == bindparam("comparison"), latents.c.side == bindparam("of_side")
    return query.where(*whose).limit(bindparam("most", type_=Integer))


def _beyond(sort: Sort, depth: int, *, is_defined: bool) -> ColumnElement[bool]:
    column = latent_column(sort.field)
    if not is_defined:
        return column >= LOWEST[LATENT_FIELDS[sort.field].kind]
    value: BindParameter[Value] = bindparam(f"value_{depth}")
    return column < value if sort.descending else column > value


def _same(order: tuple[Sort, ...], depth: int, defined: tuple[bool, ...]) -> ColumnElement[bool]:
    column = latent_column(order[depth].field)
    return column == bindparam(f"value_{depth}") if defined[depth] else column.is_(None)

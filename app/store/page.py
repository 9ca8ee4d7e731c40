"""Pages of the latents table: keyset pagination, the same time at any depth."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Iterator
from dataclasses import astuple, dataclass, replace
from typing import Any

import orjson
from sqlalchemy import ColumnElement, Connection, Engine, Select, func, select

from app.catalogue import LATENT_FIELDS
from app.errors import QueryError
from app.records import LatentScores, Side
from app.store.cursors import Place, Sort, decode_cursor, encode_cursor, parse_sort
from app.store.filters import Filter, condition, search_condition
from app.store.lookup import require_comparison, require_side
from app.store.rows import LATENT_COLUMNS, latent_from
from app.store.session import reading
from app.store.tables import latent_column, latents

ITER_PAGE = 1000

LOWEST: dict[str, int | float | str] = {"integer": -(2**31), "number": -sys.float_info.max, "text": ""}
"""Kind of a field -> no stored value is below. `column >= lowest` leaves out nulls by a seek in the index, where
`IS NOT NULL` would step over each."""


@dataclass(frozen=True)
class LatentQuery:
    """Which latents, in which order.

    Attributes:
        side: of the comparison.
        sort: a sortable field of the catalogue, `-` in front for descending.
        filters: all must hold.
        q: a number finds the latent with that index, else what labels contain, in any case.
        limit: latents a page, at least 1.
        cursor: `next` of the page before.
    """

    side: Side
    sort: str = "-hedging_score"
    filters: tuple[Filter, ...] = ()
    q: str | None = None
    limit: int = 100
    cursor: str | None = None


@dataclass(frozen=True)
class LatentList:
    """A page of latents.

    Attributes:
        items: at most `limit`.
        next: cursor of the next page; None on the last.
        total: latents that the filters leave; counted for the first page only, else None.
    """

    items: list[LatentScores]
    next: str | None
    total: int | None


def latents_page(engine: Engine, slug: str, query: LatentQuery) -> LatentList:
    """One page of a comparison's latents.

    Undefined values come last in both directions, ties by ascending index.

    Raises:
        NotFoundError: no such comparison.
        QueryError: sort, cursor, limit, `q` or side make no sense.
    """
    require_side(query.side)
    if query.limit < 1:
        raise QueryError(f"limit is {query.limit}; expected at least 1", parameter="limit")
    sort = parse_sort(query.sort)
    scope = _scope(slug, query)
    place = decode_cursor(query.cursor, sort, scope) if query.cursor else None
    conditions = [condition(filter_) for filter_ in query.filters]
    if query.q and query.q.strip():
        conditions.append(search_condition(query.q))
    with reading(engine) as connection:
        comparison_id = require_comparison(connection, slug)
        conditions += [latents.c.comparison_id == comparison_id, latents.c.side == query.side]
        rows = _rows(connection, conditions, sort, place, query.limit + 1)
        total = None if place else _total(connection, conditions, rows, query.limit)
    items = [latent_from(row) for row in rows[: query.limit]]
    has_more = len(rows) > query.limit
    return LatentList(items, encode_cursor(sort, scope, _place(sort, items[-1])) if has_more else None, total)


def iter_latents(engine: Engine, slug: str, query: LatentQuery) -> Iterator[LatentScores]:
    """All latents of a query, whatever its limit, page by page; the first page is read at once.

    Raises:
        NotFoundError, QueryError: as `latents_page`, before the first latent.
    """
    query = replace(query, limit=ITER_PAGE)
    return _iterate(engine, slug, query, latents_page(engine, slug, query))


def _iterate(engine: Engine, slug: str, query: LatentQuery, page: LatentList) -> Iterator[LatentScores]:
    yield from page.items
    while page.next:
        page = latents_page(engine, slug, replace(query, cursor=page.next))
        yield from page.items


def _scope(slug: str, query: LatentQuery) -> str:
    filters = [astuple(filter_) for filter_ in query.filters]
    return hashlib.sha256(orjson.dumps([slug, query.side, filters, query.q])).hexdigest()[:16]


def _place(sort: Sort, latent: LatentScores) -> Place:
    return Place(getattr(latent, sort.field), latent.index)


def _rows(
    connection: Connection, conditions: list[ColumnElement[bool]], sort: Sort, place: Place | None, limit: int
) -> list[Any]:
    rows: list[Any] = []
    for segment in segments(sort, place):
        rows += connection.execute(segment.where(*conditions).limit(limit - len(rows))).all()
        if len(rows) == limit:
            break
    return rows


def segments(sort: Sort, place: Place | None) -> list[Select[Any]]:
    """What follows `place` (or all), as queries to be read one after another.

    Each reads one range of one index in its order: the rest of the ties of the last value, the values beyond it, then
    the undefined ones. One query for all three would have to skip what comes before, which takes longer with depth.
    """
    column, index = latent_column(sort.field), latents.c.latent_index
    base = select(*LATENT_COLUMNS)
    if sort.field == "index":
        beyond = _beyond(column, sort, place)
        return [base.where(beyond).order_by(column.desc() if sort.descending else column)]
    by_value = (column.desc() if sort.descending else column, index)
    values = base.order_by(*by_value)
    # The column is named in the order, too: PostgreSQL does not see that among its nulls it is constant.
    nulls = base.where(column.is_(None)).order_by(column, index)
    undefined = [nulls] if column.nullable else []
    if place is None:
        return [values.where(_beyond(column, sort, None)), *undefined]
    if place.value is None:
        return [nulls.where(index > place.index)]
    ties = base.where(column == place.value, index > place.index).order_by(index)
    return [ties, values.where(_beyond(column, sort, place)), *undefined]


def _beyond(column: ColumnElement[Any], sort: Sort, place: Place | None) -> ColumnElement[bool]:
    if place is None:
        return column >= LOWEST[LATENT_FIELDS[sort.field].kind]
    return column < place.value if sort.descending else column > place.value


def _total(connection: Connection, conditions: list[ColumnElement[bool]], rows: list[Any], limit: int) -> int:
    if len(rows) <= limit:
        return len(rows)
    return int(connection.execute(select(func.count()).select_from(latents).where(*conditions)).scalar_one())

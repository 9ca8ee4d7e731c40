"""Pages of the latents table: keyset pagination, the same time at any depth."""

from __future__ import annotations

import hashlib
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import astuple, dataclass, replace
from operator import itemgetter
from typing import Any, Literal

import orjson
from sqlalchemy import ColumnElement, Connection, Engine

from app.errors import QueryError
from app.records import LatentScores, Side
from app.store.counts import FacetValue, count, count_to_cap, facet, kept_facet, kept_total
from app.store.cursors import Place, Sort, decode_cursor, encode_cursor, parse_order
from app.store.filters import Filter, condition
from app.store.lookup import require_comparison, require_side
from app.store.narrowing import Scope, few_latents, in_order, rows_of
from app.store.order import binds, segments, segments_before, sort_key
from app.store.rows import LATENT_NAMES, latent_from
from app.store.search import parse_search
from app.store.session import reading
from app.store.tables import COUNTED, latents

BLOCK = 4000
"""Latents of a block of an export: about a megabyte."""

Count = Literal["cheap", "exact", "none"]
"""Whether the total is given: where it is known or found quickly, on the first page; always; never."""


@dataclass(frozen=True)
class LatentQuery:
    """Which latents, in which order.

    Attributes:
        side: of the comparison.
        sort: sortable fields of the catalogue, separated by commas, `-` in front for descending.
        filters: all must hold.
        q: a search, as `search.parse_search` reads it.
        limit: latents a page, at least 1.
        cursor: `next` of the page before.
        count: whether the total is wanted.
        backwards: whether the page before is wanted.
    """

    side: Side
    sort: str = "-hedging_score"
    filters: tuple[Filter, ...] = ()
    q: str | None = None
    limit: int = 100
    cursor: str | None = None
    count: Count = "cheap"
    backwards: bool = False


@dataclass(frozen=True)
class LatentList:
    """A page of latents.

    Attributes:
        items: at most `limit`.
        next: cursor of the next page; None on the last.
        total: latents that the filters leave; None on later pages, and where more than `counts.CAP` pass filters,
            unless the query wants it exact.
    """

    items: list[LatentScores]
    next: str | None
    total: int | None


@dataclass(frozen=True)
class RowPage:
    """The same as rows of `rows.LATENT_NAMES`, whose last value is JSON text: for exports, which need no records.

    Attributes:
        previous: cursor of the page before, empty for the first one; None where this is the first, or where the query
            does not want it.
    """

    rows: Sequence[Sequence[Any]]
    next: str | None
    total: int | None
    previous: str | None = None


def latents_page(engine: Engine, slug: str, query: LatentQuery) -> LatentList:
    """One page of a comparison's latents.

    Undefined values come last in both directions, ties by ascending index.

    Raises:
        NotFoundError: no such comparison.
        QueryError: sort, cursor, limit, `q` or side is invalid.
    """
    page = row_page(engine, slug, query)
    return LatentList([latent_from(row) for row in page.rows], page.next, page.total)


def row_page(engine: Engine, slug: str, query: LatentQuery) -> RowPage:
    """One page as rows. Raises as `latents_page`."""
    require_side(query.side)
    if query.limit < 1:
        raise QueryError(f"limit is {query.limit}; expected at least 1", parameter="limit")
    order = parse_order(query.sort)
    scope = _scope(slug, query)
    place = decode_cursor(query.cursor, order, scope) if query.cursor else None
    conditions = conditions_of(query)
    with reading(engine) as connection:
        side = require_comparison(connection, slug), query.side
        few = few_latents(connection, side, query.filters, query.q, order) if conditions else None
        if few is not None:
            rows, total, start = _from_few(connection, side, few, conditions, order, place, query)
        else:
            rows = _rows(connection, side, conditions, order, place, query.limit + 1)
            total = _total(connection, side, conditions, query, place, rows)
            start = _start_of_previous(connection, side, conditions, order, place, query) if query.backwards else None
    has_more = len(rows) > query.limit
    following = encode_cursor(order, scope, _place(order, rows[query.limit - 1])) if has_more else None
    return RowPage(rows[: query.limit], following, total, _previous(order, scope, place, start, query))


def facets_of(engine: Engine, slug: str, query: LatentQuery, names: Sequence[str]) -> dict[str, tuple[FacetValue, ...]]:
    """Field -> its most frequent values among all latents of a query, with counts. Raises as `latents_page`."""
    conditions = conditions_of(query)
    found = {}
    with reading(engine) as connection:
        side = require_comparison(connection, slug), query.side
        scoped = [*conditions, latents.c.comparison_id == side[0], latents.c.side == query.side]
        for name in names:
            is_kept = not conditions and name in COUNTED
            found[name] = kept_facet(connection, *side, name) if is_kept else facet(connection, name, scoped)
    return found


def conditions_of(query: LatentQuery) -> list[ColumnElement[bool]]:
    """The query's filters and search as conditions. Raises QueryError."""
    found = [condition(filter_) for filter_ in query.filters]
    search = parse_search(query.q)
    return found if search is None else [*found, search.condition()]


def iter_latents(engine: Engine, slug: str, query: LatentQuery) -> Iterator[LatentScores]:
    """All latents of a query, whatever its limit, block by block; the first block is read at once.

    Raises:
        NotFoundError, QueryError: as `latents_page`, before the first latent.
    """
    blocks = row_blocks(engine, slug, query)
    return (latent_from(row) for rows in blocks for row in rows)


def row_blocks(engine: Engine, slug: str, query: LatentQuery) -> Iterator[Sequence[Sequence[Any]]]:
    """The same as rows. Each block is read in a transaction of its own, so that a slow client holds none open."""
    query = replace(query, limit=BLOCK, cursor=None, count="none")
    return _blocks(engine, slug, query, row_page(engine, slug, query))


def _blocks(engine: Engine, slug: str, query: LatentQuery, page: RowPage) -> Iterator[Sequence[Sequence[Any]]]:
    yield page.rows
    while page.next:
        page = row_page(engine, slug, replace(query, cursor=page.next))
        yield page.rows


def _scope(slug: str, query: LatentQuery) -> str:
    filters = [astuple(filter_) for filter_ in query.filters]
    return hashlib.sha256(orjson.dumps([slug, query.side, filters, query.q])).hexdigest()[:16]


def _place(order: Sequence[Sort], row: Sequence[Any]) -> Place:
    return Place(tuple(row[LATENT_NAMES.index(sort.field)] for sort in order), row[LATENT_NAMES.index("index")])


def _rows(
    connection: Connection,
    side: Scope,
    conditions: Sequence[ColumnElement[bool]],
    order: tuple[Sort, ...],
    place: Place | None,
    limit: int,
) -> list[Any]:
    rows: list[Any] = []
    for segment in segments(order, place):
        query = segment.where(*conditions) if conditions else segment
        rows += connection.execute(query, binds(side, place, limit - len(rows))).all()
        if len(rows) == limit:
            break
    return rows


def _start_of_previous(
    connection: Connection,
    side: Scope,
    conditions: Sequence[ColumnElement[bool]],
    order: tuple[Sort, ...],
    place: Place | None,
    query: LatentQuery,
) -> Place | None:
    """The latent after which the page before begins; None where that is the first page. `place` is its last latent."""
    rows: list[Any] = []
    for segment in segments_before(order, place) if place is not None else ():
        rows += connection.execute(segment.where(*conditions), binds(side, place, query.limit - len(rows))).all()
        if len(rows) == query.limit:
            return Place(tuple(rows[-1][1:]), rows[-1][0])
    return None


def _previous(
    order: Sequence[Sort], scope: str, place: Place | None, start: Place | None, query: LatentQuery
) -> str | None:
    if place is None or not query.backwards:
        return None
    return "" if start is None else encode_cursor(order, scope, start)


def _from_few(
    connection: Connection,
    side: Scope,
    few: Sequence[int],
    conditions: Sequence[ColumnElement[bool]],
    order: tuple[Sort, ...],
    place: Place | None,
    query: LatentQuery,
) -> tuple[list[Any], int | None, Place | None]:
    """The page's rows, the total and where the page before begins, from the latents that a condition leaves."""
    keys = sorted(
        (sort_key(order, values, index), index) for index, *values in in_order(connection, side, few, conditions, order)
    )
    start = 0 if place is None else bisect_right(keys, sort_key(order, place.values, place.index), key=itemgetter(0))
    chosen = [index for _, index in keys[start : start + query.limit + 1]]
    wanted = query.count == "exact" or (query.count == "cheap" and place is None)
    before = start - query.limit - 1
    previous = Place(tuple(key.value for key in keys[before][0][:-1]), keys[before][1]) if before >= 0 else None
    return rows_of(connection, side, chosen), len(keys) if wanted else None, previous


def _total(
    connection: Connection,
    side: Scope,
    conditions: Sequence[ColumnElement[bool]],
    query: LatentQuery,
    place: Place | None,
    rows: Sequence[Any],
) -> int | None:
    if query.count == "none" or (query.count == "cheap" and place is not None):
        return None
    if place is None and len(rows) <= query.limit:
        return len(rows)
    if not query.filters and not (query.q or "").strip():
        return kept_total(connection, *side)
    scoped = [*conditions, latents.c.comparison_id == side[0], latents.c.side == side[1]]
    return count(connection, scoped) if query.count == "exact" else count_to_cap(connection, scoped)

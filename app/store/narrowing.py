"""Conditions that few latents meet: these are found first, and put in order in memory.

A table that is read in the order of one index steps over all latents that fail a condition; where few meet it, that
is most of them. Each index says quickly whether its condition is such a one.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, bindparam, select

from app.store.cursors import Sort
from app.store.filters import Filter, condition
from app.store.lookup import IN_CHUNK
from app.store.rows import LATENT_COLUMNS
from app.store.search import contains, parse_search
from app.store.tables import label_search, latent_column, latents, search_rows

FEW = 10_000
"""Latents that are looked up one by one in less time than an index of a million is stepped through."""

BY_RANGE = frozenset({"eq", "gt", "gte", "lt", "lte", "in"})
"""Operations whose latents are one range of an index, or some."""

TRIGRAM = 3

Scope = tuple[int, str]
"""A comparison's key and a side."""


def few_latents(
    connection: Connection, scope: Scope, filters: Sequence[Filter], q: str | None, order: Sequence[Sort]
) -> list[int] | None:
    """Indices among which all matches are, where a condition leaves few; else None.

    Args:
        order: a condition on its first field needs no help: the matches are next to each other in its index.
    """
    for query in _probes(connection, scope, filters, q, order[0].field):
        found = connection.execute(query.limit(FEW + 1)).scalars().all()
        if len(found) <= FEW:
            return list(found)
    return None


def _probes(
    connection: Connection, scope: Scope, filters: Sequence[Filter], q: str | None, sorted_by: str
) -> Iterator[Select[int]]:
    search = parse_search(q)
    if search is not None and search.needed is not None:
        yield labelled(connection, scope, search.needed)
    for each in filters:
        is_range = each.op in BY_RANGE or (each.op == "isnull" and each.value)
        if each.op in ("contains", "startswith", "endswith"):
            yield labelled(connection, scope, str(each.value))
        elif is_range and each.field != sorted_by:
            yield _indices(scope).where(condition(each))


def labelled(connection: Connection, scope: Scope, text: str) -> Select[int]:
    """Indices of the latents whose label contains a folded text."""
    if connection.dialect.name != "sqlite":
        return _indices(scope).where(contains(text))
    first = search_rows(*scope)
    rows = select((label_search.c.rowid - first).label("latent_index"))
    in_side = rows.where(label_search.c.rowid >= first, label_search.c.rowid < first + 2**31)
    if len(text) < TRIGRAM:
        return in_side.where(label_search.c.label.contains(text, autoescape=True))
    quoted = '"' + text.replace('"', '""') + '"'
    return in_side.where(label_search.c.label.match(quoted))


def in_order(
    connection: Connection,
    scope: Scope,
    indices: Sequence[int],
    conditions: Sequence[ColumnElement[bool]],
    order: Sequence[Sort],
) -> list[tuple[Any, ...]]:
    """`(index, values of the order's fields)` of those of the latents that meet the conditions."""
    columns = [latent_column(sort.field) for sort in order]
    within = latents.c.latent_index.in_(bindparam("few", list(indices), expanding=True, literal_execute=True))
    query = select(latents.c.latent_index, *columns).where(*_scoped(scope), within, *conditions)
    return [tuple(row) for row in connection.execute(query)]


def rows_of(connection: Connection, scope: Scope, indices: Sequence[int]) -> list[Any]:
    """The rows of these latents, in this order."""
    found: dict[int, Any] = {}
    query = select(latents.c.latent_index, *LATENT_COLUMNS).where(*_scoped(scope))
    for start in range(0, len(indices), IN_CHUNK):
        some = query.where(latents.c.latent_index.in_(indices[start : start + IN_CHUNK]))
        found.update({row[0]: row[1:] for row in connection.execute(some)})
    return [found[index] for index in indices]


def _indices(scope: Scope) -> Select[int]:
    index: Any = latents.c.latent_index
    return select(index).where(*_scoped(scope))


def _scoped(scope: Scope) -> tuple[ColumnElement[bool], ...]:
    return latents.c.comparison_id == scope[0], latents.c.side == scope[1]

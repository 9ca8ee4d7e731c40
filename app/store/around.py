"""The latents before and after one, in any order and among any filters."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, Engine, Select

from app.records import LatentScores
from app.store.cursors import Place, parse_order
from app.store.lookup import require_comparison
from app.store.order import binds, segments, segments_before
from app.store.page import LatentQuery, conditions_of
from app.store.rows import LATENT_NAMES
from app.store.session import reading

INDEX = LATENT_NAMES.index("index")


def before_and_after(
    engine: Engine, slug: str, latent: LatentScores, query: LatentQuery
) -> tuple[int | None, int | None]:
    """Indices of the latents before and after one in a table, whether or not it passes the filters itself.

    The order is the table's: ties by ascending index, undefined values last.

    Raises:
        NotFoundError: no such comparison.
        QueryError: sort or `q` is invalid.
    """
    order = parse_order(query.sort)
    place = Place(tuple(getattr(latent, sort.field) for sort in order), latent.index)
    conditions = conditions_of(query)
    with reading(engine) as connection:
        values = binds((require_comparison(connection, slug), query.side), place, 1)
        before = _first(connection, segments_before(order, place), conditions, values)
        after = _first(connection, segments(order, place), conditions, values)
    return None if before is None else before[0], None if after is None else after[INDEX]


def _first(
    connection: Connection,
    queries: Iterable[Select[Any]],
    conditions: Sequence[ColumnElement[bool]],
    values: Mapping[str, Any],
) -> Any:
    rows = (connection.execute(query.where(*conditions), values).first() for query in queries)
    return next((row for row in rows if row is not None), None)

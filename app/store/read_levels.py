"""Parents and children between the levels of one SAE, out of the database."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

from sqlalchemy import ColumnElement, Engine, case, func, or_, select

from app.records import LevelLink, Side
from app.store.lookup import bounded, require_comparison, require_side
from app.store.session import reading
from app.store.tables import level_links

COLUMN_OF = {"sae": "side", "child": "child_index", "parent": "parent_index", "rank": "link_rank"}
COLUMNS = tuple(level_links.c[COLUMN_OF.get(field.name, field.name)] for field in fields(LevelLink))


MOST_RANK = 1 << 30
"""Behind the rank of any parent."""


@dataclass(frozen=True)
class LevelPairCount:
    """Links between two levels of one SAE.

    Attributes:
        parent_level, child_level: the two.
        n_links: between them.
        n_parents, n_children: latents of each that have one.
    """

    parent_level: int
    child_level: int
    n_links: int
    n_parents: int
    n_children: int


def count_links(engine: Engine, slug: str, side: Side) -> list[LevelPairCount]:
    """Every two levels between which there are links. Raises NotFoundError or QueryError."""
    require_side(side)
    c = level_links.c
    levels = (c.parent_level, c.child_level)
    counts = (func.count(), func.count(c.parent_index.distinct()), func.count(c.child_index.distinct()))
    with reading(engine) as connection:
        where = (c.comparison_id == require_comparison(connection, slug), c.side == side)
        query = select(*levels, *counts).where(*where).group_by(*levels).order_by(*levels)
        return [LevelPairCount(*row) for row in connection.execute(query)]


def links_between(
    engine: Engine, slug: str, side: Side, levels: tuple[int, int], *, limit: int, offset: int = 0
) -> list[LevelLink]:
    """Links from a parent level to a child level: children that explain most of their parent first."""
    c = level_links.c
    order = (c.p_child_given_parent.desc(), c.parent_index, c.child_index)
    where = (c.parent_level == levels[0], c.child_level == levels[1])
    return _links(engine, slug, side, where, order, limit, offset)


def links_of(engine: Engine, slug: str, side: Side, index: int, *, limit: int, offset: int = 0) -> list[LevelLink]:
    """Links of one latent: its parents first, by rank, then its children, those that explain most of it first."""
    c, latent = level_links.c, bounded(index)
    is_child = c.child_index == latent
    order = (case((is_child, c.link_rank), else_=MOST_RANK), c.p_child_given_parent.desc(), c.child_index)
    return _links(engine, slug, side, (or_(is_child, c.parent_index == latent),), order, limit, offset)


def _links(
    engine: Engine,
    slug: str,
    side: Side,
    where: Sequence[ColumnElement[bool]],
    order: Sequence[Any],
    limit: int,
    offset: int,
) -> list[LevelLink]:
    require_side(side)
    with reading(engine) as connection:
        key = require_comparison(connection, slug)
        query = select(*COLUMNS).where(level_links.c.comparison_id == key, level_links.c.side == side, *where)
        return [LevelLink(*row) for row in connection.execute(query.order_by(*order).limit(limit).offset(offset))]

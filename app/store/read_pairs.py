"""Partners and pairs of latents out of the database; `read` hands these functions on."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Engine, Table, func, select

from app.records import (
    PairDetail,
    PairProfile,
    Partner,
    Side,
)
from app.store import tables
from app.store.lookup import (
    IN_CHUNK,
    MAX_INDEX,
    bounded,
    id_of,
    latent_exists,
    no_latent,
    require_comparison,
    require_side,
)
from app.store.payloads import PAIR, expand, unpack_profile
from app.store.rows import PARTNER_COLUMNS, partner_from
from app.store.session import reading
from app.store.tables import partners

PARTNER_ORDERS: dict[str, tuple[ColumnElement[Any], ...]] = {
    "narrow": (partners.c.partner_rank,),
    "reference": (
        func.coalesce(partners.c.mixed_mass, 0).desc(),
        partners.c.share.desc(),
        partners.c.narrow_index,
    ),
}
"""Side of a latent -> the order of its partners."""


def partners_of_narrow(engine: Engine, slug: str, i: int) -> list[Partner]:
    """The reference latents of narrow latent `i`'s decomposition and hedging score, by rank; none for a dead one.

    Raises:
        NotFoundError: no such comparison or latent.
    """
    return _partners(engine, slug, "narrow", i, PARTNER_ORDERS["narrow"])


def partners_of_reference(engine: Engine, slug: str, j: int) -> list[Partner]:
    """The narrow latents that reference latent `j` is a partner of: largest mixed mass first, then largest share.

    Raises:
        NotFoundError: no such comparison or latent.
    """
    return _partners(engine, slug, "reference", j, PARTNER_ORDERS["reference"])


def _partners(engine: Engine, slug: str, side: Side, index: int, order: Sequence[ColumnElement[Any]]) -> list[Partner]:
    key = partners.c[f"{side}_index"]
    query = select(*PARTNER_COLUMNS).where(partners.c.comparison_id == id_of(slug), key == bounded(index))
    with reading(engine) as connection:
        rows = connection.execute(query.order_by(*order)).all()
        if not rows and connection.execute(latent_exists(slug, side, index)).first() is None:
            raise no_latent(connection, slug, side, index)
    return [partner_from(row) for row in rows]


def partners_among(
    engine: Engine, slug: str, side: Side, indices: Iterable[int], diagnoses: Sequence[str]
) -> list[Partner]:
    """The partners of some latents of one side that have one of these diagnoses, largest share first.

    Raises:
        NotFoundError: no such comparison.
        QueryError: no such side.
    """
    require_side(side)
    wanted = sorted({index for index in indices if 0 <= index <= MAX_INDEX})
    key = partners.c[f"{side}_index"]
    found = []
    with reading(engine) as connection:
        comparison_id = require_comparison(connection, slug)
        query = select(*PARTNER_COLUMNS).where(
            partners.c.comparison_id == comparison_id, partners.c.diagnosis.in_(diagnoses)
        )
        for start in range(0, len(wanted), IN_CHUNK):
            found += [
                partner_from(row) for row in connection.execute(query.where(key.in_(wanted[start : start + IN_CHUNK])))
            ]
    return sorted(found, key=lambda partner: (-partner.share, partner.narrow_index, partner.index))


def get_partner(engine: Engine, slug: str, i: int, j: int) -> Partner | None:
    """Narrow latent `i` and reference latent `j` as partners; None where they are not.

    Raises:
        NotFoundError: no such comparison.
    """
    with reading(engine) as connection:
        row = connection.execute(select(*PARTNER_COLUMNS).where(*_pair_key(partners, slug, i, j))).first()
        if row is None:
            require_comparison(connection, slug)
            return None
    return partner_from(row)


def get_pair_detail(engine: Engine, slug: str, i: int, j: int) -> PairDetail | None:
    """Joint histogram and shared contexts of a pair; None if they were not stored for it.

    Raises:
        NotFoundError: no such comparison.
    """
    table = tables.pair_details
    with reading(engine) as connection:
        payload = connection.execute(select(table.c.payload).where(*_pair_key(table, slug, i, j))).scalar()
        if payload is None:
            require_comparison(connection, slug)
            return None
    return expand(PAIR, payload)


def get_profile(engine: Engine, slug: str, i: int) -> PairProfile:
    """Narrow latent `i` against the reference's latents.

    Raises:
        NotFoundError: no such comparison or latent.
    """
    table = tables.pair_profiles
    query = select(table.c.payload).where(table.c.comparison_id == id_of(slug), table.c.narrow_index == bounded(i))
    with reading(engine) as connection:
        payload = connection.execute(query).scalar()
        if payload is None:
            raise no_latent(connection, slug, "narrow", i)
    return unpack_profile(i, payload)


def _pair_key(table: Table, slug: str, i: int, j: int) -> tuple[ColumnElement[bool], ...]:
    return (
        table.c.comparison_id == id_of(slug),
        table.c.narrow_index == bounded(i),
        table.c.reference_index == bounded(j),
    )

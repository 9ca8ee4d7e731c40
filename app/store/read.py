"""Records out of the database. Every function opens one short read transaction."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import Column, ColumnElement, Engine, Table, select

from app.catalogue import LATENT_FIELDS
from app.errors import NotFoundError, QueryError
from app.records import (
    ComparisonSummary,
    LatentDetail,
    LatentScores,
    PairDetail,
    PairProfile,
    Partner,
    SaeRecord,
    Side,
    TextRow,
)
from app.store import tables
from app.store.lookup import MAX_INDEX, id_of, newest, no_comparison, no_latent, require_comparison, require_side
from app.store.page import LatentList, LatentQuery, iter_latents, latents_page
from app.store.payloads import DETAIL, PAIR, SAE, SUMMARY, TEXT_ROW, expand, unpack_profile
from app.store.rows import LATENT_COLUMNS, PARTNER_COLUMNS, latent_from, partner_from
from app.store.session import reading
from app.store.tables import comparisons, latent_column, latents, partners, saes

__all__ = [
    "LatentList",
    "LatentQuery",
    "columns",
    "get_comparison",
    "get_detail",
    "get_latent",
    "get_pair_detail",
    "get_partner",
    "get_profile",
    "get_sae",
    "iter_latents",
    "latents_page",
    "list_comparisons",
    "list_saes",
    "partners_among",
    "partners_of_narrow",
    "partners_of_reference",
    "resolve_slug",
    "text_rows",
]

IN_CHUNK = 500


def list_saes(engine: Engine) -> list[SaeRecord]:
    """All registered SAEs, by name."""
    with reading(engine) as connection:
        found = connection.execute(select(saes.c.record).order_by(saes.c.name)).scalars()
        return [SAE.validate_json(record) for record in found]


def get_sae(engine: Engine, name: str) -> SaeRecord:
    """The SAE of that name.

    Raises:
        NotFoundError: there is none; lists the names there are.
    """
    with reading(engine) as connection:
        record = connection.execute(select(saes.c.record).where(saes.c.name == name)).scalar()
        if record is None:
            known = connection.execute(select(saes.c.name).order_by(saes.c.name)).scalars().all()
            there = f"the registered ones are {', '.join(known)}" if known else "none is registered yet"
            raise NotFoundError(f"no SAE {name!r}; {there}; register one with `hedgescope sae add`")
    return SAE.validate_json(record)


def list_comparisons(engine: Engine) -> list[ComparisonSummary]:
    """All comparisons, newest first."""
    with reading(engine) as connection:
        return [
            SUMMARY.validate_json(summary) for summary in connection.execute(newest(comparisons.c.summary)).scalars()
        ]


def get_comparison(engine: Engine, slug: str) -> ComparisonSummary:
    """The comparison with exactly that slug.

    Raises:
        NotFoundError: there is none.
    """
    with reading(engine) as connection:
        summary = connection.execute(newest(comparisons.c.summary).where(comparisons.c.slug == slug)).scalar()
        if summary is None:
            raise no_comparison(connection, slug)
    return SUMMARY.validate_json(summary)


def resolve_slug(engine: Engine, slug_or_name: str) -> str:
    """The whole slug of a comparison given by its slug, or by its name where only one has that name.

    Raises:
        NotFoundError: neither a slug nor a name.
        QueryError: several comparisons have that name; lists their slugs, newest first.
    """
    slugs_newest_first = newest(comparisons.c.slug)
    with reading(engine) as connection:
        if connection.execute(slugs_newest_first.where(comparisons.c.slug == slug_or_name)).scalar() is not None:
            return slug_or_name
        slugs = list(connection.execute(slugs_newest_first.where(comparisons.c.name == slug_or_name)).scalars())
        if not slugs:
            raise no_comparison(connection, slug_or_name)
    if len(slugs) > 1:
        raise QueryError(
            f"{len(slugs)} comparisons are named {slug_or_name!r}; give the whole slug of one: {', '.join(slugs)}",
            parameter="slug",
            valid=slugs,
        )
    return str(slugs[0])


def get_latent(engine: Engine, slug: str, side: Side, index: int) -> LatentScores:
    """The scores of one latent.

    Raises:
        NotFoundError: no such comparison, or no such index; says the valid range.
        QueryError: no such side.
    """
    query = select(*LATENT_COLUMNS).where(*_latent_key(latents, slug, side, index))
    with reading(engine) as connection:
        row = connection.execute(query).first()
        if row is None:
            raise no_latent(connection, slug, side, index)
    return latent_from(row)


def get_detail(engine: Engine, slug: str, side: Side, index: int) -> LatentDetail:
    """Histogram, neighbours, contexts and logit weights of one latent. Raises as `get_latent`."""
    query = select(tables.latent_details.c.payload).where(*_latent_key(tables.latent_details, slug, side, index))
    with reading(engine) as connection:
        payload = connection.execute(query).scalar()
        if payload is None:
            raise no_latent(connection, slug, side, index)
    return expand(DETAIL, payload)


def partners_of_narrow(engine: Engine, slug: str, i: int) -> list[Partner]:
    """The reference latents in narrow latent `i`'s decomposition, main partner first; none for a dead one.

    Raises:
        NotFoundError: no such comparison or latent.
    """
    return _partners(engine, slug, "narrow", i, [partners.c.partner_rank])


def partners_of_reference(engine: Engine, slug: str, j: int) -> list[Partner]:
    """The narrow latents whose decomposition holds reference latent `j`, largest share first.

    Raises:
        NotFoundError: no such comparison or latent.
    """
    return _partners(engine, slug, "reference", j, [partners.c.share.desc(), partners.c.narrow_index])


def _partners(engine: Engine, slug: str, side: Side, index: int, order: list[ColumnElement[Any]]) -> list[Partner]:
    key = partners.c[f"{side}_index"]
    query = select(*PARTNER_COLUMNS).where(partners.c.comparison_id == id_of(slug), key == _bounded(index))
    with reading(engine) as connection:
        rows = connection.execute(query.order_by(*order)).all()
        if not rows and connection.execute(_exists(slug, side, index)).first() is None:
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
    query = select(table.c.payload).where(table.c.comparison_id == id_of(slug), table.c.narrow_index == _bounded(i))
    with reading(engine) as connection:
        payload = connection.execute(query).scalar()
        if payload is None:
            raise no_latent(connection, slug, "narrow", i)
    return unpack_profile(i, payload)


def text_rows(engine: Engine, slug: str, rows: Iterable[int]) -> dict[int, TextRow]:
    """The asked-for rows of the text that are stored, by number.

    Raises:
        NotFoundError: no such comparison.
    """
    table = tables.text_rows
    wanted = sorted({row for row in rows if 0 <= row <= MAX_INDEX})
    found: dict[int, TextRow] = {}
    with reading(engine) as connection:
        comparison_id = require_comparison(connection, slug)
        query = select(table.c.text_row, table.c.payload).where(table.c.comparison_id == comparison_id)
        for start in range(0, len(wanted), IN_CHUNK):
            some = query.where(table.c.text_row.in_(wanted[start : start + IN_CHUNK]))
            for row, payload in connection.execute(some):
                found[row] = TEXT_ROW.validate_json(payload)
    return found


def columns(engine: Engine, slug: str, side: Side, names: Sequence[str]) -> dict[str, list[Any]]:
    """Whole columns of one side's latents, each ordered by the latents' index; for plots.

    Args:
        names: fields of the catalogue's `LATENT_FIELDS`.

    Raises:
        NotFoundError: no such comparison.
        QueryError: no such field or side.
    """
    require_side(side)
    unknown = [name for name in names if name not in LATENT_FIELDS]
    if unknown:
        raise QueryError(
            f"no field {', '.join(map(repr, unknown))}; the fields are {', '.join(LATENT_FIELDS)}",
            parameter="columns",
            valid=tuple(LATENT_FIELDS),
        )
    distinct = list(dict.fromkeys(names))
    with reading(engine) as connection:
        comparison_id = require_comparison(connection, slug)
        query = select(latents.c.latent_index, *(latent_column(name).label(f"field_{name}") for name in distinct))
        where = (latents.c.comparison_id == comparison_id, latents.c.side == side)
        rows = connection.execute(query.where(*where).order_by(latents.c.latent_index)).all()
    return {name: [row[place] for row in rows] for place, name in enumerate(distinct, start=1)}


def _bounded(index: int) -> int:
    """The index, or one that no latent has where it would not fit the column."""
    return index if 0 <= index <= MAX_INDEX else -1


def _latent_key(table: Table, slug: str, side: Side, index: int) -> tuple[ColumnElement[bool], ...]:
    return (
        table.c.comparison_id == id_of(slug),
        table.c.side == side,
        table.c.latent_index == _bounded(index),
    )


def _pair_key(table: Table, slug: str, i: int, j: int) -> tuple[ColumnElement[bool], ...]:
    return (
        table.c.comparison_id == id_of(slug),
        table.c.narrow_index == _bounded(i),
        table.c.reference_index == _bounded(j),
    )


def _exists(slug: str, side: Side, index: int) -> Any:
    key: Column[int] = latents.c.latent_index
    return select(key).where(*_latent_key(latents, slug, side, index))

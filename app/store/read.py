"""Records out of the database. Every function opens one short read transaction."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import Engine, bindparam, select

from app.catalogue import LATENT_FIELDS
from app.errors import NotFoundError, QueryError
from app.records import (
    ComparisonSummary,
    LatentDetail,
    LatentScores,
    SaeRecord,
    Side,
    TextRow,
)
from app.store import tables
from app.store.counts import kept_total
from app.store.lookup import (
    IN_CHUNK,
    MAX_INDEX,
    latent_key,
    newest,
    no_comparison,
    no_latent,
    require_comparison,
    require_side,
)
from app.store.page import LatentList, LatentQuery, facets_of, iter_latents, latents_page, row_blocks, row_page
from app.store.payloads import DETAIL, SAE, SUMMARY, TEXT_ROW, expand
from app.store.plain_rows import plain_rows
from app.store.read_pairs import (
    get_pair_detail,
    get_partner,
    get_profile,
    partners_among,
    partners_of_narrow,
    partners_of_reference,
)
from app.store.rows import LATENT_COLUMNS, latent_from
from app.store.session import reading
from app.store.tables import comparisons, latent_column, latents, published, saes

__all__ = [
    "LatentList",
    "LatentQuery",
    "columns",
    "facets_of",
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
    "n_latents",
    "partners_among",
    "partners_of_narrow",
    "partners_of_reference",
    "resolve_slug",
    "row_blocks",
    "row_page",
    "summary_text",
    "summary_texts",
    "text_rows",
]


SUMMARY_OF_SLUG = select(comparisons.c.summary).where(comparisons.c.slug == bindparam("slug"), published)
"""Made once: making it takes longer than running it."""


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
    return list(map(SUMMARY.validate_json, summary_texts(engine)))


def summary_texts(engine: Engine) -> list[str]:
    """The same as the JSON texts that are stored."""
    with reading(engine) as connection:
        return list(connection.execute(newest(comparisons.c.summary)).scalars())


def get_comparison(engine: Engine, slug: str) -> ComparisonSummary:
    """The comparison with exactly that slug. Raises NotFoundError."""
    return SUMMARY.validate_json(summary_text(engine, slug))


def summary_text(engine: Engine, slug: str) -> str:
    """The same as the JSON text that is stored.

    Raises:
        NotFoundError: there is none.
    """
    with reading(engine) as connection:
        summary = connection.execute(SUMMARY_OF_SLUG, {"slug": slug}).scalar()
        if summary is None:
            raise no_comparison(connection, slug)
    return str(summary)


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
    query = select(*LATENT_COLUMNS).where(*latent_key(latents, slug, side, index))
    with reading(engine) as connection:
        row = connection.execute(query).first()
        if row is None:
            raise no_latent(connection, slug, side, index)
    return latent_from(row)


def get_detail(engine: Engine, slug: str, side: Side, index: int) -> LatentDetail:
    """Histogram, neighbours, contexts and logit weights of one latent. Raises as `get_latent`."""
    query = select(tables.latent_details.c.payload).where(*latent_key(tables.latent_details, slug, side, index))
    with reading(engine) as connection:
        payload = connection.execute(query).scalar()
        if payload is None:
            raise no_latent(connection, slug, side, index)
    return expand(DETAIL, payload)


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


def n_latents(engine: Engine, slug: str, side: Side) -> int:
    """Latents of one side. Raises NotFoundError."""
    with reading(engine) as connection:
        return kept_total(connection, require_comparison(connection, slug), side)


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
        rows = plain_rows(connection, query.where(*where).order_by(latents.c.latent_index))
    found = list(zip(*rows, strict=True))[1:] or [() for _ in distinct]
    return {name: _typed(name, values) for name, values in zip(distinct, found, strict=True)}


def _typed(name: str, values: Sequence[Any]) -> list[Any]:
    if LATENT_FIELDS[name].kind != "flag":
        return list(values)
    return [None if value is None else bool(value) for value in values]

"""Interventions: a summary each, releases of pairs and of latents; they go with their comparison."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import fields
from operator import attrgetter
from typing import Any

from pydantic import TypeAdapter
from sqlalchemy import Column, Connection, Engine, Select, insert, select

from app.errors import NotFoundError
from app.records import InterventionRecord, InterventionSummary, LatentRelease, PairRelease
from app.store.bulk import insert_rows
from app.store.lookup import require_comparison
from app.store.payloads import compress, expand
from app.store.session import reading, writing
from app.store.tables import comparisons, interventions, latent_releases, published, releases
from app.store.validate import check_storable

SUMMARY: TypeAdapter[InterventionSummary] = TypeAdapter(InterventionSummary)

PAIR_COLUMNS: tuple[Column[Any], ...] = tuple(releases.c[field.name] for field in fields(PairRelease))
LATENT_COLUMNS: tuple[Column[Any], ...] = tuple(
    latent_releases.c[{"index": "latent_index"}.get(field.name, field.name)] for field in fields(LatentRelease)
)
_pair_values = attrgetter(*(field.name for field in fields(PairRelease)))
_latent_values = attrgetter(*(field.name for field in fields(LatentRelease)))


Within = Callable[[Connection, int], None]
"""Something to do in the same transaction, with the intervention's number; what it raises undoes all of it."""


def write_intervention(engine: Engine, record: InterventionRecord, within: Within | None = None) -> int:
    """Store an intervention, all of it in one transaction; returns its number, the old one where it is stored already.

    Raises:
        NotFoundError: its comparison is not there (any more).
        StoreError: a field can't be stored (NaN, foreign type), or the database failed.
    """
    for row in (*record.pairs, *record.latents):
        check_storable(row)
    summary = record.summary
    with writing(engine) as connection:
        comparison_id = require_comparison(connection, summary.comparison)
        number = _number_of(connection, summary.content_hash)
        if number is None:
            number = _insert(connection, comparison_id, record)
        if within is not None:
            within(connection, number)
        return number


def _insert(connection: Connection, comparison_id: int, record: InterventionRecord) -> int:
    summary = record.summary
    values = {
        "comparison_id": comparison_id,
        "content_hash": summary.content_hash,
        "payload": compress(summary),
    }
    inserted = insert(interventions).values(values).returning(interventions.c.id)
    number = int(connection.execute(inserted).scalar_one())
    keys = releases.c.comparison_id, releases.c.intervention_id
    pairs = [(comparison_id, number, *_pair_values(pair)) for pair in record.pairs]
    insert_rows(connection, (*keys, *PAIR_COLUMNS), pairs)
    keys = latent_releases.c.comparison_id, latent_releases.c.intervention_id
    latents = [(comparison_id, number, *_latent_values(latent)) for latent in record.latents]
    insert_rows(connection, (*keys, *LATENT_COLUMNS), latents)
    return number


def find_intervention(engine: Engine, content_hash: str) -> int | None:
    """The number of the intervention with that content; None where it is not stored."""
    with reading(engine) as connection:
        return _number_of(connection, content_hash)


def _number_of(connection: Connection, content_hash: str) -> int | None:
    query = select(interventions.c.id).where(interventions.c.content_hash == content_hash)
    found: int | None = connection.execute(query).scalar()
    return found


def _stored(*columns: Column[Any]) -> Select[Any]:
    """Columns of interventions whose comparison may be seen, the one stored last first."""
    joined = interventions.join(comparisons, comparisons.c.id == interventions.c.comparison_id)
    return select(*columns).select_from(joined).where(published).order_by(interventions.c.id.desc())


def interventions_of(engine: Engine, slug: str) -> list[tuple[int, InterventionSummary]]:
    """(number, summary) of a comparison's interventions, the one stored last first.

    Raises:
        NotFoundError: no such comparison.
    """
    with reading(engine) as connection:
        comparison_id = require_comparison(connection, slug)
        query = _stored(interventions.c.id, interventions.c.payload).where(
            interventions.c.comparison_id == comparison_id
        )
        rows = connection.execute(query).all()
    return [(int(number), expand(SUMMARY, payload)) for number, payload in rows]


def interventions_tag(engine: Engine, slug: str) -> str:
    """Names the interventions on a comparison: it changes when one is stored. Empty where there is none."""
    query = _stored(interventions.c.content_hash).where(comparisons.c.slug == slug)
    with reading(engine) as connection:
        return " ".join(connection.execute(query).scalars())


def get_intervention(engine: Engine, number: int) -> InterventionSummary:
    """An intervention by its number.

    Raises:
        NotFoundError: there is none.
    """
    with reading(engine) as connection:
        payload = connection.execute(_stored(interventions.c.payload).where(interventions.c.id == number)).scalar()
    if payload is None:
        raise NotFoundError(
            f"no intervention {number}; `/comparisons/{{slug}}/interventions` lists those of a comparison"
        )
    return expand(SUMMARY, payload)


def pair_releases(
    engine: Engine, number: int, *, narrow: int | None = None, reference: int | None = None
) -> list[PairRelease]:
    """Releases of an intervention's pairs, of one narrow or reference latent where given, the largest first."""
    query = select(*PAIR_COLUMNS).where(releases.c.intervention_id == number)
    if narrow is not None:
        query = query.where(releases.c.narrow_index == narrow)
    if reference is not None:
        query = query.where(releases.c.reference_index == reference)
    order = releases.c.release.desc(), releases.c.narrow_index, releases.c.reference_index
    with reading(engine) as connection:
        return [PairRelease(*row) for row in connection.execute(query.order_by(*order))]


def latent_releases_of(engine: Engine, number: int, indices: Sequence[int] | None = None) -> list[LatentRelease]:
    """Releases of an intervention's narrow latents, by index; of some of them where given."""
    query = select(*LATENT_COLUMNS).where(latent_releases.c.intervention_id == number)
    if indices is not None:
        query = query.where(latent_releases.c.latent_index.in_(indices))
    with reading(engine) as connection:
        return [LatentRelease(*row) for row in connection.execute(query.order_by(latent_releases.c.latent_index))]

"""Records into the database: a comparison whole or not at all, SAEs by name."""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from itertools import islice
from typing import TypeVar

from sqlalchemy import Connection, Engine, Table, delete, insert, select, update

from app.errors import ConflictError, NotFoundError, StoreError
from app.records import ComparisonBundle, ComparisonSummary, LatentDetail, PairDetail, PairProfile, SaeRecord, TextRow
from app.store import tables
from app.store.payloads import SAE, compress, pack_profile, to_json
from app.store.rows import Row, latent_row, partner_row
from app.store.session import writing

CHUNK = 200
"""Rows a statement: a latent's detail takes some 10 kB, so a chunk stays in the megabytes."""

Record = TypeVar("Record")

Within = Callable[[Connection], None]
"""Something to do in the same transaction; what it raises undoes all of it."""


def write_comparison(engine: Engine, bundle: ComparisonBundle, *, within: Within | None = None) -> None:
    """Store a comparison, all of it or nothing; where its slug is stored already, nothing is done or read.

    The bundle's iterables are read inside the one write transaction, so other writers wait until they end; readers
    don't.

    Args:
        within: called first, in the same transaction.

    Raises:
        ConflictError: the slug is stored with another content hash.
        StoreError: a record can't be stored (NaN, foreign type, given twice), or the database failed or is full.
        Exception: whatever the bundle's iterables or `within` raise; nothing is stored then.
    """
    with _no_space_explained(), writing(engine) as connection:
        if within is not None:
            within(connection)
        if _is_stored(connection, bundle.summary):
            return
        comparison_id = _insert_summary(connection, bundle.summary)
        _insert_all(connection, comparison_id, tables.latents, latent_row, bundle.latents)
        _insert_all(connection, comparison_id, tables.partners, partner_row, bundle.partners)
        _insert_all(connection, comparison_id, tables.latent_details, _detail_row, bundle.details)
        _insert_all(connection, comparison_id, tables.pair_details, _pair_row, bundle.pairs)
        _insert_all(connection, comparison_id, tables.pair_profiles, _profile_row, bundle.profiles)
        _insert_all(connection, comparison_id, tables.text_rows, _text_row, bundle.text_rows)


def delete_comparison(engine: Engine, slug: str) -> None:
    """Remove a comparison and all that belongs to it.

    Raises:
        NotFoundError: no comparison has that slug.
    """
    with writing(engine) as connection:
        removed = connection.execute(delete(tables.comparisons).where(tables.comparisons.c.slug == slug))
        if not removed.rowcount:
            raise NotFoundError(f"no comparison {slug!r} to delete")


def register_sae(engine: Engine, record: SaeRecord) -> SaeRecord:
    """Store an SAE under its name; the same weights and widths under the same name are brought up to date.

    Returns:
        The record as stored, with the time at which it was first registered.

    Raises:
        ConflictError: the name belongs to other weights, or to the same ones with another configuration or widths.
        StoreError: a field can't be stored.
    """
    saes = tables.saes
    with writing(engine) as connection:
        known_json = connection.execute(select(saes.c.record).where(saes.c.name == record.name)).scalar()
        if known_json is None:
            stored = replace(record, created_at=record.created_at or datetime.now(UTC))
            connection.execute(insert(saes).values(name=stored.name, checksum=stored.checksum, record=to_json(stored)))
            return stored
        known = SAE.validate_json(known_json)
        _refuse_other_sae(known, record)
        stored = replace(record, created_at=known.created_at)
        connection.execute(update(saes).where(saes.c.name == record.name).values(record=to_json(stored)))
        return stored


def remove_sae(engine: Engine, name: str) -> None:
    """Forget a registered SAE; its files and the comparisons made with it stay.

    Raises:
        NotFoundError: no SAE has this name.
    """
    with writing(engine) as connection:
        if connection.execute(delete(tables.saes).where(tables.saes.c.name == name)).rowcount == 0:
            raise NotFoundError(f"no SAE {name!r} is registered; `hedgescope sae list` shows names")


def _refuse_other_sae(known: SaeRecord, new: SaeRecord) -> None:
    if known.checksum != new.checksum:
        found = f"weights {known.checksum[:12]} from {known.source}, not {new.checksum[:12]} from {new.source}"
    elif known.config_checksum != new.config_checksum:
        found = f"the same weights read as {known.architecture}, not as {new.architecture} with another configuration"
    elif known.matryoshka_widths != new.matryoshka_widths:
        found = f"the same weights with Matryoshka widths {known.matryoshka_widths}, not {new.matryoshka_widths}"
    else:
        return
    raise ConflictError(f"the name {new.name!r} belongs to {found}; choose another with --name")


def _is_stored(connection: Connection, summary: ComparisonSummary) -> bool:
    query = select(tables.comparisons.c.content_hash).where(tables.comparisons.c.slug == summary.slug)
    known = connection.execute(query).scalar()
    if known is not None and known != summary.content_hash:
        raise ConflictError(
            f"comparison {summary.slug!r} is stored with content hash {known}, not {summary.content_hash}; "
            "choose another name with --name"
        )
    return known is not None


def _insert_summary(connection: Connection, summary: ComparisonSummary) -> int:
    row = {
        "slug": summary.slug,
        "name": summary.name,
        "content_hash": summary.content_hash,
        "created_at": summary.created_at,
        "summary": to_json(summary),
    }
    return int(
        connection.execute(insert(tables.comparisons).values(row).returning(tables.comparisons.c.id)).scalar_one()
    )


def _insert_all(
    connection: Connection,
    comparison_id: int,
    table: Table,
    to_row: Callable[[Record], Row],
    records: Iterable[Record],
) -> None:
    rows = ({"comparison_id": comparison_id, **to_row(record)} for record in records)
    while chunk := list(islice(rows, CHUNK)):
        connection.execute(insert(table), chunk)


def _detail_row(detail: LatentDetail) -> Row:
    return {"side": detail.sae, "latent_index": detail.index, "payload": compress(detail)}


def _pair_row(pair: PairDetail) -> Row:
    return {
        "narrow_index": pair.narrow_index,
        "reference_index": pair.reference_index,
        "payload": compress(pair),
    }


def _profile_row(profile: PairProfile) -> Row:
    return {"narrow_index": profile.narrow_index, "payload": pack_profile(profile)}


def _text_row(row: TextRow) -> Row:
    return {"text_row": row.row, "payload": to_json(row)}


@contextmanager
def _no_space_explained() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        raise StoreError("no space left on the disk: nothing was stored; free some disk space and try again") from error

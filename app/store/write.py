"""Records into the database: a comparison whole or not at all, SAEs by name."""

from __future__ import annotations

import errno
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime
from itertools import islice
from typing import Any

from sqlalchemy import Engine, delete, insert, select, update

from app.errors import ConflictError, DiskFullError, NotFoundError, Place, StoreError
from app.parallel import ahead
from app.records import ComparisonBundle, ComparisonSummary, SaeRecord
from app.store import tables
from app.store.explain import NO_SPACE
from app.store.lookup import require_comparison
from app.store.parts import PARTS
from app.store.payloads import SAE, to_json
from app.store.session import reading, writing
from app.store.space import analyze, give_back
from app.store.staging import Within, add_rows, hide, publish, remove_abandoned, remove_rows, staging

__all__ = ["Within", "delete_comparison", "refuse_taken_name", "register_sae", "remove_sae", "write_comparison"]


def write_comparison(engine: Engine, bundle: ComparisonBundle, *, within: Within | None = None) -> None:
    """Store a comparison, all of it or nothing; where its slug is stored already, nothing is written or read.

    Rows are written as the bundle's iterables give them, in many short transactions, and stay invisible until the last:
    other writers wait for moments, and what a killed process leaves is removed by the next writer (see `staging`).

    Args:
        within: called first in the transaction that shows the comparison, or in one of its own where it is stored
            already; what it raises leaves nothing stored.

    Raises:
        ConflictError: the slug is stored with another content hash.
        StoreError: a record can't be stored (NaN, foreign type, given twice), or the database failed or is full.
        Exception: whatever the bundle's iterables or `within` raise; nothing is stored then.
    """
    with _no_space_explained():
        if not _is_stored(engine, bundle.summary):
            remove_abandoned(engine)
            try:
                _write(engine, bundle, within)
            except StoreError:
                if not _another_was_quicker(engine, bundle.summary):
                    raise
            else:
                # The comparison is stored already; statistics only make queries faster, so a failure does no harm.
                with suppress(StoreError):
                    analyze(engine)
                return
        if within is not None:
            with writing(engine) as connection:
                within(connection)


def _another_was_quicker(engine: Engine, summary: ComparisonSummary) -> bool:
    try:
        return _is_stored(engine, summary)
    except ConflictError:
        raise
    except StoreError:
        # The first error says more.
        return False


def _write(engine: Engine, bundle: ComparisonBundle, within: Within | None) -> None:
    with staging(engine, bundle.summary) as staged:
        for part in PARTS:
            # Rows are packed by other threads while records are made, and others are written, by this one.
            for rows in ahead(part.rows, _chunks(getattr(bundle, part.field), part.chunk)):
                add_rows(engine, staged, part, rows)
        publish(engine, staged, within)


def _chunks(records: Iterable[Any], size: int) -> Iterator[list[Any]]:
    iterator = iter(records)
    while chunk := list(islice(iterator, size)):
        yield chunk


def delete_comparison(engine: Engine, slug: str) -> None:
    """Remove a comparison and all that belongs to it, and give its disk space back; unseen from the first moment.

    Raises:
        NotFoundError: no comparison has that slug.
        StoreError: the database failed; what is left of the comparison then is removed by the next writer.
    """
    with writing(engine) as connection:
        comparison_id = require_comparison(connection, slug)
        hide(connection, comparison_id)
    remove_rows(engine, comparison_id)
    remove_abandoned(engine)
    give_back(engine)


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


def refuse_taken_name(engine: Engine, record: SaeRecord) -> None:
    """Refuse an SAE whose name belongs to another one, before it is registered. Raises ConflictError."""
    with reading(engine) as connection:
        known = connection.execute(select(tables.saes.c.record).where(tables.saes.c.name == record.name)).scalar()
    if known is not None:
        _refuse_other_sae(SAE.validate_json(known), record)


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
        found = f"the weights {known.checksum[:12]}, not {new.checksum[:12]}"
    elif known.config_checksum != new.config_checksum:
        found = f"the same weights read as {known.architecture}, not as {new.architecture} with another configuration"
    elif known.matryoshka_widths != new.matryoshka_widths:
        found = f"the same weights with Matryoshka widths {known.matryoshka_widths}, not {new.matryoshka_widths}"
    else:
        return
    place = Place(f"{new.name} (registered from {known.source}, now from {new.source})", new.name)
    raise ConflictError(f"the name belongs to {found}; choose another with --name", place=place)


def _is_stored(engine: Engine, summary: ComparisonSummary) -> bool:
    comparisons = tables.comparisons
    query = select(comparisons.c.content_hash).where(comparisons.c.slug == summary.slug, tables.published)
    with reading(engine) as connection:
        known = connection.execute(query).scalar()
    if known is not None and known != summary.content_hash:
        raise ConflictError(
            f"comparison {summary.slug!r} is stored with content hash {known}, not {summary.content_hash}; "
            "choose another name with --name"
        )
    return known is not None


@contextmanager
def _no_space_explained() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        raise DiskFullError(NO_SPACE) from error

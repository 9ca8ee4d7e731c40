"""A bundle into the database: checked as a whole first, then stored whole, or not at all."""

from __future__ import annotations

import hashlib
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any

import orjson
from pydantic import ValidationError
from sqlalchemy import Connection, Engine, insert, select

from app.errors import StoreError
from app.records import ComparisonSummary
from app.store.bulk import Values, insert_rows
from app.store.bundle_file import (
    DEGREES,
    FORMAT,
    INTERVENTIONS,
    LATENT_RELEASES,
    MANIFEST,
    MEMBERS,
    PART_MEMBERS,
    RELEASES,
    VERSION,
    Member,
    read_lines,
)
from app.store.bundle_rows import row_of
from app.store.parts import PARTS
from app.store.payloads import SUMMARY
from app.store.session import newest_schema, reading
from app.store.staging import Staging, add_rows, publish, remove_abandoned, staging
from app.store.tables import comparisons, degrees, interventions, published

HASH_LENGTH = 12
DAMAGED = "the bundle is damaged or incomplete, and nothing was imported; copy it again"


def import_bundle(engine: Engine, path: Path) -> tuple[str, bool]:
    """Store the comparison of a bundle under its own slug.

    Returns:
        (slug, whether it was stored now; False where it was there already).

    Raises:
        StoreError: the file is damaged, of another format or schema, or its content does not fit together; nothing is
            stored then. Or the slug is stored with other content, or the database failed.
    """
    with _opened(path) as archive:
        manifest = _manifest(path, archive)
        summary = _summary(path, manifest)
        for member in MEMBERS:
            _check(path, archive, member, manifest)
        if _is_stored(engine, path, summary):
            return summary.slug, False
        remove_abandoned(engine)
        with staging(engine, summary) as staged:
            for part, member in zip(PARTS, PART_MEMBERS, strict=True):
                rows = _rows(archive, member)
                while chunk := list(islice(rows, part.chunk)):
                    add_rows(engine, staged, part, chunk)
            publish(engine, staged, lambda connection: _measurements(connection, archive, staged))
    return summary.slug, True


@contextmanager
def _opened(path: Path) -> Iterator[zipfile.ZipFile]:
    try:
        with zipfile.ZipFile(path) as archive:
            yield archive
    except (zipfile.BadZipFile, zlib.error, EOFError, KeyError, NotImplementedError) as error:
        raise StoreError(DAMAGED, place=path, reason=str(error)) from error
    except OSError as error:
        raise StoreError(f"can't be read ({error.strerror}); expected a bundle", place=path) from error


def _manifest(path: Path, archive: zipfile.ZipFile) -> dict[str, Any]:
    try:
        manifest = orjson.loads(archive.read(MANIFEST))
    except (orjson.JSONDecodeError, KeyError) as error:
        raise StoreError(f"has no readable {MANIFEST}; expected a bundle of hedgescope export", place=path) from error
    if not isinstance(manifest, dict) or manifest.get("format") != FORMAT:
        raise StoreError("not a bundle of hedgescope export", place=path)
    expected = {"version": VERSION, "schema": newest_schema()}
    for name, value in expected.items():
        if (found := manifest.get(name)) != value:
            raise StoreError(
                f"has {name} {found!r}, but this program reads {value!r}; export it again with the same version of "
                "hedgescope as here",
                place=path,
            )
    if not isinstance(manifest.get("members"), dict) or set(manifest["members"]) != {each.name for each in MEMBERS}:
        raise StoreError(DAMAGED, place=path)
    return manifest


def _summary(path: Path, manifest: dict[str, Any]) -> ComparisonSummary:
    try:
        summary = SUMMARY.validate_json(str(manifest["summary"]))
    except (ValidationError, KeyError) as error:
        raise StoreError(DAMAGED, place=path, reason="summary") from error
    if summary.slug != f"{summary.name}-{summary.content_hash[:HASH_LENGTH]}":
        raise StoreError("its slug does not end in its content hash; nothing was imported", place=path)
    return summary


def _check(path: Path, archive: zipfile.ZipFile, member: Member, manifest: dict[str, Any]) -> None:
    """Make sure that a table is what was exported, and that every row fits. Raises StoreError."""
    digest, n_rows = hashlib.sha256(), 0
    for line in read_lines(archive, member):
        digest.update(line)
        n_rows += 1
        row_of(line, member.columns, f"{member.file}, line {n_rows}")
    entry = manifest["members"][member.name]
    if not isinstance(entry, dict) or (digest.hexdigest(), n_rows) != (entry.get("sha256"), entry.get("rows")):
        raise StoreError(DAMAGED, place=path, reason=f"checksum of {member.file}")


def _rows(archive: zipfile.ZipFile, member: Member) -> Iterator[Values]:
    for number, line in enumerate(read_lines(archive, member), start=1):
        yield row_of(line, member.columns, f"{member.file}, line {number}")


def _is_stored(engine: Engine, path: Path, summary: ComparisonSummary) -> bool:
    stored = select(comparisons.c.content_hash).where(comparisons.c.slug == summary.slug, published)
    with reading(engine) as connection:
        found = connection.execute(stored).scalar()
    if found is not None and found != summary.content_hash:
        raise StoreError(f"{summary.slug} is stored with other content; nothing was imported", place=path)
    return found is not None


def _measurements(connection: Connection, archive: zipfile.ZipFile, staged: Staging) -> None:
    """Interventions under their numbers where those are free, and hedging degrees that are not there yet."""
    numbers: dict[int, int] = {}
    for number, content_hash, payload in _rows(archive, INTERVENTIONS):
        numbers[number] = _add_intervention(connection, staged.id, number, content_hash, payload)
    for member in (RELEASES, LATENT_RELEASES):
        own = [(staged.id, numbers[row[0]], *row[1:]) for row in _rows(archive, member) if row[0] in numbers]
        if own:
            insert_rows(connection, (member.table.c.comparison_id, *member.columns), own)
    for row in _rows(archive, DEGREES):
        values = dict(zip((column.name for column in DEGREES.columns), row, strict=True))
        known = select(degrees.c.id).where(degrees.c.content_hash == values["content_hash"])
        if connection.execute(known).scalar() is None:
            connection.execute(insert(degrees).values(values))


def _add_intervention(connection: Connection, key: int, number: int, content_hash: str, payload: bytes) -> int:
    """The number of the intervention here: its own, or the next one where that is taken."""
    values: dict[str, Any] = {"comparison_id": key, "content_hash": content_hash, "payload": payload}
    taken = connection.execute(select(interventions.c.id).where(interventions.c.id == number)).scalar()
    if taken is None and connection.dialect.name == "sqlite":
        values["id"] = number
    added = insert(interventions).values(values).returning(interventions.c.id)
    return int(connection.execute(added).scalar_one())

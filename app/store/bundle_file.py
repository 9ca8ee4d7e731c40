"""A comparison as one file, that another Hedgescope imports whole: a ZIP archive of a manifest and tables as JSON.

The manifest has the checksum of each table. Equal comparisons make equal files: rows are in the order of their keys,
and no time is written into the archive.
"""

from __future__ import annotations

import hashlib
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
from sqlalchemy import Column, Connection, Engine, Select, Table, select

from app.errors import StoreError
from app.store.bundle_rows import line_of
from app.store.lookup import require_comparison
from app.store.parts import PARTS
from app.store.session import newest_schema, reading
from app.store.tables import comparisons, degrees, interventions, latent_releases, releases

FORMAT = "hedgescope-bundle"
VERSION = 1
MANIFEST = "manifest.json"
EPOCH = (1980, 1, 1, 0, 0, 0)
BATCH = 500


@dataclass(frozen=True)
class Member:
    """A table in a bundle.

    Attributes:
        name: of the file in the archive.
        columns: of its rows; the comparison's key is left out.
    """

    name: str
    columns: Sequence[Column[Any]]

    @property
    def file(self) -> str:
        """Path in the archive."""
        return f"{self.name}.ndjson"

    @property
    def table(self) -> Table:
        """Its table."""
        table = self.columns[0].table
        assert isinstance(table, Table)
        return table


def _of_table(table: Table, *without: str) -> tuple[Column[Any], ...]:
    return tuple(column for column in table.columns if column.name not in ("comparison_id", *without))


PART_MEMBERS = tuple(Member(part.field, part.columns) for part in PARTS)
INTERVENTIONS = Member("interventions", _of_table(interventions))
RELEASES = Member("releases", _of_table(releases))
LATENT_RELEASES = Member("latent_releases", _of_table(latent_releases))
DEGREES = Member("degrees", _of_table(degrees, "id"))
MEMBERS = (*PART_MEMBERS, INTERVENTIONS, RELEASES, LATENT_RELEASES, DEGREES)


def export_bundle(engine: Engine, slug: str, out: Path) -> None:
    """Write a comparison to a file: latents, partners, contexts, pairs, interventions and hedging degrees.

    The file appears whole or not at all.

    Raises:
        NotFoundError: no comparison has that slug.
        StoreError: the file can't be written, or the database failed.
    """
    partial = out.with_name(f"{out.name}.partial")
    try:
        with reading(engine) as connection, zipfile.ZipFile(partial, "w", zipfile.ZIP_DEFLATED) as archive:
            key = require_comparison(connection, slug)
            summary: str = connection.execute(select(comparisons.c.summary).where(comparisons.c.id == key)).scalar_one()
            members = {member.name: _write(connection, archive, member, key, summary) for member in MEMBERS}
            manifest = {"format": FORMAT, "version": VERSION, "schema": newest_schema(), "members": members}
            archive.writestr(_entry(MANIFEST), orjson.dumps({**manifest, "summary": summary}))
        partial.replace(out)
    except OSError as error:
        raise StoreError(f"can't be written ({error.strerror})", place=out) from error
    finally:
        partial.unlink(missing_ok=True)


def _write(connection: Connection, archive: zipfile.ZipFile, member: Member, key: int, summary: str) -> dict[str, Any]:
    """Write a table; its entry in the manifest."""
    digest, n_rows = hashlib.sha256(), 0
    with archive.open(_entry(member.file), "w", force_zip64=True) as file:
        for line in _lines(connection, member, key, summary):
            digest.update(line)
            file.write(line)
            n_rows += 1
    return {"sha256": digest.hexdigest(), "rows": n_rows}


def _entry(name: str) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(name, EPOCH)
    entry.compress_type = zipfile.ZIP_DEFLATED
    return entry


def _lines(connection: Connection, member: Member, key: int, summary: str) -> Iterator[bytes]:
    found = connection.execution_options(yield_per=BATCH).execute(_rows(member, key, summary))
    for row in found:
        yield line_of(row)


def _rows(member: Member, key: int, summary: str) -> Select[Any]:
    rows = select(*member.columns)
    if member is DEGREES:
        sae = orjson.loads(summary)["narrow"]["sae"]
        of_narrow = degrees.c.parent_checksum == sae["checksum"], degrees.c.n_latents == sae["d_sae"]
        return rows.where(*of_narrow).order_by(degrees.c.content_hash)
    owner = member.table.c.comparison_id
    return rows.where(owner == key).order_by(*member.table.primary_key.columns)


def read_lines(archive: zipfile.ZipFile, member: Member) -> Iterator[bytes]:
    """The lines of a table in a bundle."""
    with archive.open(member.file) as file:
        yield from file

"""The intervention on the demo's narrow SAE that ships with the program: nothing is trained to see one.

`demo/pack_intervention.py` wrote it from a database: a readable manifest, and the record as compressed JSON.
It belongs to one comparison only, so it is stored where files, text and scoring are the ones it was measured on.
"""

from __future__ import annotations

import gzip
import hashlib
from dataclasses import dataclass, replace
from pathlib import Path

import sqlalchemy as sa
from pydantic import TypeAdapter, ValidationError

from app.errors import StoreError
from app.paths import resource
from app.records import ComparisonSummary, InterventionRecord, InterventionSettings
from app.store.interventions import find_intervention, write_intervention

FOLDER = "demo/intervention"
MANIFEST_FILE = "manifest.json"
RECORD_FILE = "record.json.gz"
DIGITS = 6
"""Significant digits of the shipped numbers. Sums differ between machines from the ninth on."""


@dataclass(frozen=True)
class Manifest:
    """What the shipped intervention belongs to, and how it was made.

    Attributes:
        narrow, reference: SHA-256 of the SAEs' weights.
        model, hook: that they read; text: SHA-256 of the comparison's text.
        n_tokens, scoring_version: of the comparison.
        record: SHA-256 of the record's file.
        digits: significant digits that were kept of its numbers.
        command: what repeats it; settings: how it was done.
    """

    narrow: str
    reference: str
    model: str | None
    hook: str | None
    text: str
    n_tokens: int
    scoring_version: str
    record: str
    digits: int
    command: str
    settings: InterventionSettings


MANIFEST: TypeAdapter[Manifest] = TypeAdapter(Manifest)
RECORD: TypeAdapter[InterventionRecord] = TypeAdapter(InterventionRecord)


def manifest_of(comparison: ComparisonSummary, record: InterventionRecord, packed: bytes) -> Manifest:
    """The manifest of an intervention on a comparison.

    Args:
        packed: content of the record's file.
    """
    return Manifest(
        narrow=comparison.narrow.sae.checksum,
        reference=comparison.reference.sae.checksum,
        model=comparison.model_name,
        hook=comparison.hook_name,
        text=comparison.text_checksum,
        n_tokens=comparison.n_tokens,
        scoring_version=comparison.scoring_version,
        record=hashlib.sha256(packed).hexdigest(),
        digits=DIGITS,
        command=record.summary.command,
        settings=record.summary.settings,
    )


def store_shipped(engine: sa.Engine, comparison: ComparisonSummary, folder: Path | None = None) -> int:
    """Store the shipped intervention with a comparison; one that is stored already stays as it is.

    Args:
        folder: that holds it; the program's own, if None.

    Returns:
        its number.

    Raises:
        StoreError: it was measured on something else, or its files are missing or damaged; nothing is stored then.
    """
    folder = folder or resource("demo") / Path(FOLDER).name
    manifest = _manifest(folder)
    if difference := _difference(manifest, comparison):
        raise StoreError(
            f"the one that ships with the program was measured with {difference}; run `hedgescope intervene "
            f"--comparison {comparison.slug}` to measure one"
        )
    record = _record(folder, manifest)
    if (known := find_intervention(engine, record.summary.content_hash)) is not None:
        return known
    measured = record.summary
    command = measured.command.replace(measured.comparison, comparison.slug)
    return write_intervention(
        engine, replace(record, summary=replace(measured, comparison=comparison.slug, command=command))
    )


def _manifest(folder: Path) -> Manifest:
    path = folder / MANIFEST_FILE
    try:
        return MANIFEST.validate_json(path.read_bytes())
    except (OSError, ValidationError) as error:
        raise StoreError("can't be read; reinstall the program", place=path, reason=str(error)) from error


def _difference(manifest: Manifest, comparison: ComparisonSummary) -> str | None:
    """The first thing in which the comparison differs from the one that was measured on, in words."""
    found = (
        ("another narrow SAE", manifest.narrow, comparison.narrow.sae.checksum),
        ("another reference SAE", manifest.reference, comparison.reference.sae.checksum),
        ("another model", manifest.model, comparison.model_name),
        ("another hook", manifest.hook, comparison.hook_name),
        ("another text", manifest.text, comparison.text_checksum),
        (f"{manifest.n_tokens:,} scored tokens, not {comparison.n_tokens:,}", manifest.n_tokens, comparison.n_tokens),
        (
            f"scoring version {manifest.scoring_version}, not {comparison.scoring_version}",
            manifest.scoring_version,
            comparison.scoring_version,
        ),
    )
    return next((words for words, expected, actual in found if expected != actual), None)


def _record(folder: Path, manifest: Manifest) -> InterventionRecord:
    path = folder / RECORD_FILE
    try:
        packed = path.read_bytes()
    except OSError as error:
        raise StoreError("can't be read; reinstall the program", place=path, reason=str(error)) from error
    if hashlib.sha256(packed).hexdigest() != manifest.record:
        raise StoreError("its checksum is not the manifest's; reinstall the program", place=path)
    return RECORD.validate_json(gzip.decompress(packed))

"""Records as everybody may see them: without the folders of the machine they were made on."""

from __future__ import annotations

from dataclasses import replace
from pathlib import PurePosixPath, PureWindowsPath

from app.jobs.messages import in_one_line
from app.records import ComparisonSummary, SaeRecord


def public_sae(record: SaeRecord) -> SaeRecord:
    """An SAE whose source, model and notes name files by their last part."""
    return replace(
        record,
        source=last_part(record.source),
        model_name=None if record.model_name is None else last_part(record.model_name),
        notes=tuple(map(in_one_line, record.notes)),
    )


def public_summary(summary: ComparisonSummary) -> ComparisonSummary:
    """A comparison with both its SAEs so; the command that repeats it stays as it was typed."""
    return replace(
        summary,
        model_name=None if summary.model_name is None else last_part(summary.model_name),
        narrow=replace(summary.narrow, sae=public_sae(summary.narrow.sae)),
        reference=replace(summary.reference, sae=public_sae(summary.reference.sae)),
    )


def last_part(source: str) -> str:
    """The last part of an absolute path; anything else as it is, such as a name on the hub."""
    path = PurePosixPath(source)
    if path.is_absolute() or source.startswith("~"):
        return path.name or source
    windows = PureWindowsPath(source)
    return windows.name if windows.is_absolute() else source

"""Records as everybody may see them: without the folders of the machine they were made on."""

from __future__ import annotations

import re
import shlex
from dataclasses import fields, replace
from pathlib import Path, PurePosixPath
from typing import Any

from app.errors import last_part
from app.jobs.records import Job
from app.records import ComparisonSummary, DegreeRecord, InterventionSummary, Preflight, SaeRecord
from app.records.request import JobRequest

ABSOLUTE_PATH = re.compile(r"(?<![\w/.:])/(?:[^\s/:;,'\"()\]]+/)+(?=[^\s/:;,'\"()\]]|\b|$)")
DATABASE = re.compile(r"\bdatabase [a-z0-9+]+://\S*?(?=[:;,]? |$)")


def public_sae(record: SaeRecord) -> SaeRecord:
    """An SAE whose source, model and notes name files by their last part."""
    name = last_part(record.source)
    notes = (note.replace(record.source, name) for note in record.notes)
    return replace(
        record,
        source=name,
        model_name=None if record.model_name is None else last_part(record.model_name),
        notes=tuple(map(without_folders, notes)),
    )


def public_summary(summary: ComparisonSummary) -> ComparisonSummary:
    """A comparison whose SAEs, model, text and command name files by their last part."""
    return replace(
        summary,
        model_name=None if summary.model_name is None else last_part(summary.model_name),
        text_source=last_part(summary.text_source),
        command=public_command(summary.command),
        notes=tuple(map(without_folders, summary.notes)),
        mismatch=None if summary.mismatch is None else without_folders(summary.mismatch),
        narrow=replace(summary.narrow, sae=public_sae(summary.narrow.sae)),
        reference=replace(summary.reference, sae=public_sae(summary.reference.sae)),
    )


def public_degree(record: DegreeRecord) -> DegreeRecord:
    """A hedging degree whose command names files by their last part."""
    return replace(record, command=public_command(record.command))


def public_intervention(summary: InterventionSummary) -> InterventionSummary:
    """An intervention whose activations and command name files by their last part."""
    return replace(summary, activations=last_part(summary.activations), command=public_command(summary.command))


def public_job(job: Job, input_dir: Path) -> Job:
    """A job that names files by their path in the input folder, others by their last part."""
    error = None if job.error is None else without_folders(job.error)
    return replace(job, request=_public_request(job.request, input_dir), error=error)


def public_preflight(found: Preflight) -> Preflight:
    """What is known of a job, without folders."""
    refused = None if found.refused is None else without_folders(found.refused)
    return replace(found, refused=refused, notes=tuple(map(without_folders, found.notes)))


def public_command(command: str) -> str:
    """A command line whose words name files by their last part."""
    words = shlex.split(command)
    public = [_public_word(word) for word in words]
    return command if public == words else shlex.join(public)


def without_folders(text: str) -> str:
    """A note or an error without folders and addresses of databases.

    Version 0.1.0 stored them with jobs and SAEs, and with both SAEs of a comparison. There they stay, since a stored
    comparison is never rewritten; what is stored today has none.
    """
    return ABSOLUTE_PATH.sub("", DATABASE.sub("the database", text))


def _public_word(word: str) -> str:
    option, equals, value = word.partition("=")
    return f"{option}={last_part(value)}" if equals and option.startswith("--") else last_part(word)


def _public_request(request: JobRequest, input_dir: Path) -> JobRequest:
    """The same request; jobs look for relative names in the input folder, so that it can be submitted again."""
    named = ((field.name, getattr(request, field.name)) for field in fields(request))
    changes: dict[str, Any] = {name: _in_folder(value, input_dir) for name, value in named if isinstance(value, str)}
    return replace(request, **changes)


def _in_folder(name: str, folder: Path) -> str:
    path = PurePosixPath(name)
    return str(path.relative_to(folder)) if path.is_relative_to(folder) else last_part(name)

"""A job before it is accepted: whether it can run, what it would take, and what looks wrong."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from time import perf_counter

import sqlalchemy as sa

from app.activations.language_model import ModelShelf
from app.errors import HedgescopeError
from app.pipeline.allowed import allowed, found_files
from app.pipeline.inputs import ComparisonInputs, open_inputs
from app.pipeline.open import OpenFiles, Resources
from app.pipeline.preflight import findings, low_note
from app.pipeline.register import checked_sae
from app.pipeline.run import find
from app.pipeline.sample import reconstruct
from app.pipeline.source import FindFile
from app.records import ComparisonRequest, Preflight, SaeRequest
from app.records.request import JobRequest
from app.sae.load import LoadedSae
from app.settings import Settings
from app.sparse.work import missing_saes
from app.store.write import refuse_taken_name

N_ROWS = 8
"""Rows that are read to measure how long a token takes."""

SCORE_S = 6e-5
"""Seconds a token for statistics and scores, and …"""
STORE_S = 1e-3
"""… seconds a latent for storing, both from docs/performance.md."""

LATENT_BYTES = 12_000
"""A latent in the database, with its contexts, partners and pairs: 54 MB for the demo's 4,608."""

ENTRY_BYTES = 8
"""An active latent in a shard: its index and its activation."""

INPUT_BYTES = 2
"""A number of an activation that is kept in a shard."""


def preflight(engine: sa.Engine, settings: Settings, models: ModelShelf, request: JobRequest) -> Preflight:
    """What is known of a job without running it. An intervention is only checked when it runs.

    Files are looked for as the job will do it: in the input folder, or on the Hub.
    """
    find_file = partial(_find_file, settings.resolved_input_dir)
    try:
        if isinstance(request, SaeRequest):
            return _of_sae(engine, settings, models, request, find_file)
        if isinstance(request, ComparisonRequest):
            return _of_comparison(engine, settings, OpenFiles(engine, models, find_file), request)
    except HedgescopeError as error:
        return Preflight(refused=error.public)
    return Preflight()


def _find_file(folder: Path, name: str) -> str:
    return allowed(name, folder)


def _of_sae(
    engine: sa.Engine, settings: Settings, models: ModelShelf, request: SaeRequest, find_file: FindFile
) -> Preflight:
    start = perf_counter()
    record = checked_sae(found_files(request, find_file), models, find_model=find_file)
    refuse_taken_name(engine, record)
    seconds = perf_counter() - start
    return Preflight(notes=record.notes, seconds=seconds, disk_bytes=0, free_bytes=_free_bytes(settings.data_dir))


def _of_comparison(engine: sa.Engine, settings: Settings, files: OpenFiles, request: ComparisonRequest) -> Preflight:
    inputs = open_inputs(files, settings.data_dir, request, Resources(settings.shards))
    notes = [*_notes(inputs)]
    free = _free_bytes(settings.data_dir)
    if find(engine, inputs.slug) is not None:
        return Preflight(None, tuple(notes), inputs.n_tokens, 0.0, 0, free, inputs.slug)
    measured = _measure(inputs)
    seconds, disk = _cost(inputs, measured)
    if disk > free:
        notes.append(f"it needs about {disk / 1e9:.1f} GB of disk, but {free / 1e9:.1f} GB are free")
    return Preflight(None, (*notes, *measured.notes), inputs.n_tokens, seconds, disk, free)


def _notes(inputs: ComparisonInputs) -> Iterator[str]:
    if inputs.places.mismatch is not None:
        yield inputs.places.mismatch
    yield from inputs.places.notes
    yield from inputs.source.notes
    for sae in inputs.saes:
        yield from (f"{sae.record.name}: {note}" for note in sae.record.notes)


@dataclass(frozen=True)
class _Measured:
    """Of a few rows: seconds and bytes of shards for each token, and what looks wrong."""

    token_s: float
    token_bytes: float
    notes: tuple[str, ...]


def _measure(inputs: ComparisonInputs) -> _Measured:
    stream = inputs.source.stream
    # The first forward pass of a process is slower than the others.
    list(stream.batches(0, 1))
    start = perf_counter()
    batches = list(stream.batches(0, min(N_ROWS, len(stream.rows))))
    n_bytes, notes = float(INPUT_BYTES * stream.d_in), []
    samples = [(sae, reconstruct(batches, sae)) for sae in inputs.saes]
    seconds = perf_counter() - start
    for sae, sample in samples:
        n_bytes += ENTRY_BYTES * sample.l0
        notes += [f"{sae.record.name}: {found}" for found in _findings(inputs, sae)]
        if (low := low_note(sample.explained_variance)) is not None:
            notes.append(f"{sae.record.name}: {low} on a sample: is it the right model, hook and architecture?")
    return _Measured(seconds / max(samples[0][1].n_tokens, 1), n_bytes, tuple(notes))


def _findings(inputs: ComparisonInputs, sae: LoadedSae) -> list[str]:
    source = inputs.source
    if source.language_model is None or source.hook_name is None or sae.d_sae < sae.module.cfg.d_sae:
        return []
    return findings(source.language_model, source.stream.rows, source.hook_name, sae)


def _cost(inputs: ComparisonInputs, measured: _Measured) -> tuple[float, int]:
    """(seconds, bytes on disk); shards that are there already take neither."""
    missing = [shard for shard in inputs.shards if missing_saes(inputs.store, shard, tuple(inputs.saes))]
    n_tokens, n_latents = sum(shard.n_tokens for shard in missing), sum(sae.d_sae for sae in inputs.saes)
    seconds = n_tokens * measured.token_s + inputs.n_tokens * SCORE_S + n_latents * STORE_S
    return seconds, int(n_tokens * measured.token_bytes) + n_latents * LATENT_BYTES


def _free_bytes(folder: Path) -> int:
    """Free space where a folder is, or will be."""
    there = next(parent for parent in (folder, *folder.resolve().parents) if parent.exists())
    return shutil.disk_usage(there).free

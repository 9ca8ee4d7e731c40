"""One intervention from a stored comparison to the database: choose, split at random, train, estimate, store."""

from __future__ import annotations

import resource as process_resource
import shlex
import time
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import sqlalchemy as sa
import torch

from app.activations.language_model import ModelShelf
from app.pipeline.identity import versions
from app.pipeline.intervention_activations import TrainingActivations, open_training_activations
from app.pipeline.intervention_files import ArmFiles, Finished
from app.pipeline.intervention_plan import Plan, make_plan, schedule_of
from app.pipeline.intervention_results import (
    Estimates,
    above_and_below,
    estimate,
    latent_records,
    pair_records,
    rank_figure,
)
from app.pipeline.intervention_subjects import Subjects, open_subjects
from app.progress import Progress, silent
from app.records import InterventionRecord, InterventionRequest, InterventionSummary
from app.scores.release_summary import named_pairs
from app.store.interventions import Within, find_intervention, get_intervention, write_intervention
from app.store.read import get_comparison
from app.store.session import writing
from app.training.extend import activation_scale, check_fires
from app.training.intervention import Bench, run_arm


def intervene(
    engine: sa.Engine,
    data_dir: Path,
    request: InterventionRequest,
    models: ModelShelf,
    progress: Progress = silent,
    *,
    device: str = "cpu",
    within: Within | None = None,
) -> tuple[int, InterventionSummary]:
    """Run an intervention and store it; where it is stored already, nothing is trained.

    Trainings that an interrupted call of the same request has finished are used again.

    Args:
        request: its comparison by the whole slug, its files by where they are.
        device: torch device to train on.
        within: called with the connection and the intervention's number in the transaction that stores it, or in one
            of its own where it is stored already.

    Returns:
        its number, and its summary.

    Raises:
        HedgescopeError: something can't be used, training diverged or memory ran out; nothing is stored then.
    """
    comparison = get_comparison(engine, request.comparison)
    subjects = open_subjects(engine, comparison, n_add=request.add)
    activations = open_training_activations(request, comparison, models, data_dir, progress)
    plan = make_plan(request, subjects, activations.batches)
    files = ArmFiles(data_dir / "interventions" / plan.content_hash[:24])
    if (known := find_intervention(engine, plan.content_hash)) is not None:
        if within is not None:
            with writing(engine) as connection:
                within(connection, known)
        files.remove()
        return known, get_intervention(engine, known)
    train_arms(subjects, plan, activations, files, device=device, progress=progress)
    record = make_record(request, subjects, plan, activations, estimate(subjects, plan, files), device=device)
    number = write_intervention(engine, record, within)
    files.remove()
    return number, record.summary


def train_arms(
    subjects: Subjects,
    plan: Plan,
    activations: TrainingActivations,
    files: ArmFiles,
    *,
    device: str,
    progress: Progress,
) -> None:
    """Train what is not finished yet, one arm after the other.

    Raises:
        SaeError: no latent of the narrow SAE fires on the activations.
        ActivationsError: all of them are zero.
        TrainingError: training diverged, or memory ran out.
    """
    arms = list(plan.arms)
    schedule = schedule_of(plan.settings)
    per_arm = schedule.n_steps * schedule.batch_size
    advance = progress(f"{len(arms)} trainings", per_arm * len(arms), "tokens")
    missing = [(name, arm) for name, arm in arms if not files.has(name)]
    advance(per_arm * (len(arms) - len(missing)))
    if not missing:
        return
    scale = activation_scale(activations.batches)
    check_fires(subjects.start, activations.batches)
    bench = Bench(subjects.start, subjects.reference, schedule, activations.batches, scale, device)
    for name, arm in missing:
        begun = time.monotonic()
        outcome = run_arm(bench, arm, advance)
        files.write(name, Finished(outcome, time.monotonic() - begun, _peak_bytes(device)))


def _peak_bytes(device: str) -> int:
    """Largest memory in use so far: of the GPU, or of this process."""
    if device.startswith("cuda"):
        return int(torch.cuda.max_memory_allocated(device))
    # In KiB on Linux.
    return process_resource.getrusage(process_resource.RUSAGE_SELF).ru_maxrss * 1024


def make_record(
    request: InterventionRequest,
    subjects: Subjects,
    plan: Plan,
    activations: TrainingActivations,
    found: Estimates,
    *,
    device: str,
) -> InterventionRecord:
    """All of the intervention, as it is stored."""
    named = named_pairs(subjects.mass, subjects.alive)
    releases = found.releases
    above, below = above_and_below(subjects, releases)
    degrees = [run.degree for run in found.runs if run.degree is not None]
    alive = subjects.alive
    summary = InterventionSummary(
        content_hash=plan.content_hash,
        comparison=subjects.comparison.slug,
        settings=plan.settings,
        activations=activations.name,
        activations_checksum=activations.batches.checksum,
        n_distinct_tokens=activations.batches.n_tokens,
        k=subjects.start.k,
        candidates=subjects.described,
        runs=found.runs,
        named_added=found.falls.summary("named", added=True),
        named_not_added=found.falls.summary("named", added=False),
        other_added=found.falls.summary("other", added=True),
        other_not_added=found.falls.summary("other", added=False),
        n_named=int(named.sum()),
        n_above_zero=above,
        n_below_zero=below,
        mass_and_release=rank_figure(subjects.mass[named].tolist(), releases.release[named].tolist()),
        mass_and_summed=rank_figure(subjects.mass[alive].sum(axis=1).tolist(), releases.summed[alive].tolist()),
        degree=float(np.mean(degrees)) if degrees else None,
        first_degree=found.runs[0].degree,
        other_degree=found.other_degree,
        device=_device_name(device),
        seconds=found.seconds,
        peak_bytes=found.peak_bytes,
        command=shlex.join(request.command),
        versions=versions(),
        created_at=datetime.now(UTC),
    )
    return InterventionRecord(summary, pair_records(subjects, releases), latent_records(subjects, found))


def _device_name(device: str) -> str:
    return torch.cuda.get_device_name(device) if device.startswith("cuda") else device

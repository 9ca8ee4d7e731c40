"""From finished trainings to the record of an intervention."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from app.arrays import Float64s, none_if_nan
from app.pipeline.intervention_files import ArmFiles, Finished
from app.pipeline.intervention_plan import Plan
from app.pipeline.intervention_subjects import Subjects
from app.records import InterventionRun, LatentRelease, PairRelease, RankFigure
from app.scores.degree import HedgingDegree, hedging_degree
from app.scores.rank_correlation import spearman
from app.scores.release import Block, ReleaseEstimator, Releases, distance_moved, turn
from app.scores.release_summary import FallLog, intervals, named_pairs, pairs_to_keep

N_OTHERS = 4
"""Pairs of each latent that are kept though no mass names them: those with the largest releases."""


@dataclass(frozen=True)
class Estimates:
    """All that comes out of the trainings.

    Attributes:
        releases: of all pairs.
        falls: of named and other pairs, run by run.
        moved: `[n]` with all candidates added, or None; control_moved: `[n]`.
        runs: each extended SAE; other_degree: of the first run with the other budget, or None.
        seconds, peak_bytes: of all trainings.
    """

    releases: Releases
    falls: FallLog
    moved: Float64s | None
    control_moved: Float64s
    runs: tuple[InterventionRun, ...]
    other_degree: float | None
    seconds: float
    peak_bytes: int | None


def estimate(subjects: Subjects, plan: Plan, files: ArmFiles) -> Estimates:
    """Go over the finished trainings, a block at a time.

    Raises:
        StoreError: a file can't be read.
    """
    start_rows = subjects.start.loaded.unit_decoder
    estimator = ReleaseEstimator(start_rows, subjects.directions)
    cosine = (start_rows @ subjects.directions.T).astype(np.float64)
    log = FallLog(subjects.mass, cosine, subjects.directions, subjects.alive)
    turns, control_moved, runs = [], np.zeros(len(start_rows)), []
    costs: list[Finished] = []
    other_degree = None
    for block in range(len(plan.controls)):
        control = files.read(f"control-{block:03d}")
        pair = [files.read(f"run-{number:03d}") for number in (2 * block, 2 * block + 1)]
        costs += [control, *pair]
        rows = [finished.outcome.decoder for finished in (control, *pair)]
        added = plan.splits[2 * block : 2 * block + 2]
        estimator.update(Block(*rows), added)
        for number, (finished, split) in enumerate(zip(pair, added, strict=True), start=2 * block):
            log.update(estimator.falls(finished.outcome.decoder, rows[0]), finished.outcome.decoder - rows[0], split)
            runs.append(_run(plan, number, finished, control))
        control_moved += (turn(rows[0], start_rows).astype(np.float64) ** 2).sum(axis=1) / len(plan.controls)
        if block < len(plan.all_added):
            costs.append(files.read(f"all-{block:03d}"))
            turns.append(turn(costs[-1].outcome.decoder, rows[0]))
        if block == 0:
            costs.append(files.read("other-budget"))
            other_degree = _degree(control, costs[-1]).degree
    peaks = [finished.peak_bytes for finished in costs if finished.peak_bytes is not None]
    return Estimates(
        releases=estimator.result(),
        falls=log,
        moved=distance_moved(turns) if turns else None,
        control_moved=control_moved,
        runs=tuple(runs),
        other_degree=other_degree,
        seconds=sum(finished.seconds for finished in costs),
        peak_bytes=max(peaks, default=None),
    )


def _degree(control: Finished, extended: Finished) -> HedgingDegree:
    first, second = control.outcome, extended.outcome
    return hedging_degree(first.decoder, np.concatenate([second.decoder, second.new]))


def _run(plan: Plan, number: int, finished: Finished, control: Finished) -> InterventionRun:
    arm, outcome, plain = plan.runs[number], finished.outcome, control.outcome
    degree = _degree(control, finished)
    return InterventionRun(
        number=number,
        seed=arm.seed,
        added=arm.added,
        k=arm.k,
        explained_variance=outcome.explained_variance,
        l0=outcome.l0,
        control_explained_variance=plain.explained_variance,
        control_l0=plain.l0,
        n_new_dead=outcome.n_new_dead,
        degree=degree.degree,
        degree_reason=degree.reason,
    )


def pair_records(subjects: Subjects, releases: Releases) -> tuple[PairRelease, ...]:
    """The named pairs, and each latent's largest others."""
    named = named_pairs(subjects.mass, subjects.alive)
    low, high = intervals(releases)
    return tuple(
        PairRelease(
            narrow_index=int(i),
            reference_index=int(subjects.candidates[j]),
            named=bool(named[i, j]),
            mass=float(subjects.mass[i, j]),
            decoder_cosine=float(releases.cosine[i, j]),
            release=float(releases.release[i, j]),
            release_se=none_if_nan(releases.se[i, j]),
            release_low=none_if_nan(low[i, j]),
            release_high=none_if_nan(high[i, j]),
            fall_added=float(releases.fall_added[i, j]),
            fall_not_added=float(releases.fall_not_added[i, j]),
            control_fall=float(releases.control_fall[i, j]),
        )
        for i, j in pairs_to_keep(releases, named, subjects.alive, n_others=N_OTHERS)
    )


def latent_records(subjects: Subjects, found: Estimates) -> tuple[LatentRelease, ...]:
    """Every narrow latent that fires."""
    mass, releases = subjects.mass.sum(axis=1), found.releases
    return tuple(
        LatentRelease(
            index=int(i),
            mass=float(mass[i]),
            summed=float(releases.summed[i]),
            summed_se=none_if_nan(releases.summed_se[i]),
            moved=None if found.moved is None else float(found.moved[i]),
            control_moved=float(found.control_moved[i]),
        )
        for i in np.flatnonzero(subjects.alive)
    )


def above_and_below(subjects: Subjects, releases: Releases) -> tuple[int | None, int | None]:
    """How many named pairs' intervals lie above 0, and below; None for one block."""
    if releases.n_blocks < 2:
        return None, None
    named = named_pairs(subjects.mass, subjects.alive)
    low, high = intervals(releases)
    return int((low[named] > 0).sum()), int((high[named] < 0).sum())


def rank_figure(first: Sequence[float], second: Sequence[float]) -> RankFigure:
    """Spearman's rho of two columns."""
    found = spearman(first, second)
    return RankFigure(found.n, found.rho, found.low, found.high, found.reason)

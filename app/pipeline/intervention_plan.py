"""The trainings of an intervention: which latents each of them adds, for how long, with how many active latents."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace

import numpy as np

from app.activations.cache import CachedActivations
from app.arrays import Flags
from app.pipeline.intervention_subjects import TWIN, Subjects
from app.records import InterventionRequest, InterventionSettings
from app.scores.release import draw_splits
from app.training.intervention import Arm
from app.training.schedule import Schedule

N_ALL = 2
"""Blocks with a further run that adds all candidates: the distance moved is a product of two."""

WARM_UP, DECAY = 0.05, 0.25
"""Shares of the steps, as `extend` has them."""

METHOD = 1
"""Raised when the same settings would give other numbers."""


@dataclass(frozen=True)
class Plan:
    """All trainings of an intervention.

    Attributes:
        settings: how they are done.
        splits: `[runs, m]` which candidates each run adds.
        controls, runs, all_added: arms to train; a control for each block, `all_added` for the first blocks.
        other_budget: the first run again with the budget that `settings` does not have.
        content_hash: of all that decides the numbers.
    """

    settings: InterventionSettings
    splits: Flags
    controls: tuple[Arm, ...]
    runs: tuple[Arm, ...]
    all_added: tuple[Arm, ...]
    other_budget: Arm
    content_hash: str

    @property
    def arms(self) -> Iterator[tuple[str, Arm]]:
        """Name and arm, in the order of training."""
        for block, control in enumerate(self.controls):
            yield f"control-{block:03d}", control
            for number in (2 * block, 2 * block + 1):
                yield f"run-{number:03d}", self.runs[number]
            if block < len(self.all_added):
                yield f"all-{block:03d}", self.all_added[block]
        yield "other-budget", self.other_budget


def schedule_of(settings: InterventionSettings) -> Schedule:
    """How long and how fast each arm is trained."""
    return Schedule(
        n_tokens=settings.n_tokens,
        batch_size=settings.batch_size,
        lr=settings.lr,
        warm_up=settings.warm_up,
        decay=settings.decay,
        dead_after_tokens=settings.dead_after_tokens,
        seed=settings.seed,
    )


def make_plan(request: InterventionRequest, subjects: Subjects, activations: CachedActivations) -> Plan:
    """Draw the splits and lay out the trainings."""
    n_candidates = len(subjects.candidates)
    splits = draw_splits(n_candidates, request.runs, request.seed)
    n_blocks = request.runs // 2
    settings = InterventionSettings(
        n_runs=request.runs,
        n_add=n_candidates // 2,
        budget="held" if request.hold_budget else "grown",
        twin=TWIN,
        n_all=min(N_ALL, n_blocks),
        n_tokens=request.tokens,
        batch_size=request.batch_size,
        lr=request.lr,
        warm_up=WARM_UP,
        decay=DECAY,
        dead_after_tokens=max(1, request.tokens // 20),
        seed=request.seed,
    )
    seeds = [request.seed + block for block in range(n_blocks)]
    arms = _Arms(subjects, grow=not request.hold_budget)
    everything = np.ones(n_candidates, dtype=np.bool_)
    runs = tuple(arms.adding(split, seeds[number // 2]) for number, split in enumerate(splits))
    return Plan(
        settings=settings,
        splits=splits,
        controls=tuple(Arm((), subjects.start.k, seed) for seed in seeds),
        runs=runs,
        all_added=tuple(arms.adding(everything, seed) for seed in seeds[: settings.n_all]),
        other_budget=replace(arms, grow=not arms.grow).adding(splits[0], seeds[0]),
        content_hash=_content_hash(subjects, settings, activations.checksum),
    )


@dataclass(frozen=True)
class _Arms:
    """Makes arms of splits.

    Attributes:
        grow: whether k grows by the firings per token of what is added.
    """

    subjects: Subjects
    grow: bool

    def adding(self, split: Flags, seed: int) -> Arm:
        chosen = [candidate for candidate, added in zip(self.subjects.described, split, strict=True) if added]
        more = sum(candidate.density for candidate in chosen) if self.grow else 0.0
        return Arm(tuple(candidate.index for candidate in chosen), self.subjects.start.k + more, seed)


def _content_hash(subjects: Subjects, settings: InterventionSettings, activations: str) -> str:
    parts = {
        "method": METHOD,
        "comparison": subjects.comparison.slug,
        "comparison_hash": subjects.comparison.content_hash,
        "settings": asdict(settings),
        "activations": activations,
        "candidates": [asdict(candidate) for candidate in subjects.described],
        "k": subjects.start.k,
    }
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()

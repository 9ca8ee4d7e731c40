"""One world from training to scores, through the same pipeline as any comparison."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import scipy.sparse as sp
import torch

from app.arrays import Float32s, Float64s
from app.lab.attribution import KINDS, attribute
from app.lab.scoring import Case, CaseScores, score_case
from app.lab.trained import N_SCORED, REFERENCES, TrainedWorld, make_trained
from app.lab.worlds import World, WorldSpec
from app.scores.diagnosis import MIN_SCORE
from app.scores.mixing.mixing import mixing


@dataclass(frozen=True)
class Trial:
    """The scores of one world's narrow SAE against one reference.

    Attributes:
        family, world, reference: which.
        impurity: `[n]` truth, of the latents that have a score.
        masses: kind of mass (`app/lab/attribution.py`) -> `[n]`: what the impurity is made of.
        measures: name -> `[n]` score or baseline; NaN where undefined.
        low, high: `[n]` interval of the score.
        diagnosis: `[n]`.
        n_unscored: latents without a score.
        shuffled: share of latents that are called hedged after their activations were shuffled.
    """

    family: str
    world: str
    reference: str
    impurity: list[float]
    masses: dict[str, list[float]]
    measures: dict[str, list[float]]
    low: list[float]
    high: list[float]
    diagnosis: list[str | None]
    n_unscored: int
    shuffled: float


def run_world(spec: WorldSpec, folder: Path) -> list[Trial]:
    """Sample, train and score one world, against each reference. Runs on one thread."""
    torch.set_num_threads(1)
    return score_world(make_trained(spec, folder), folder)


def score_world(world: TrainedWorld, folder: Path) -> list[Trial]:
    """Score one world against each reference."""
    truth = sp.csc_array(World(world.spec).sample(N_SCORED, seed=world.spec.seed + 1).numpy())
    return [_trial(world, name, folder, truth) for name in REFERENCES]


def _trial(world: TrainedWorld, reference: str, folder: Path, truth: sp.csc_array) -> Trial:
    case = Case(world.narrow, world.references[reference], world.activations)
    found = score_case(case, folder)
    scored = found.scored
    masses = _masses(found, World(world.spec).features, truth)
    return Trial(
        family=world.spec.family,
        world=world.spec.name,
        reference=reference,
        impurity=world.impurity[scored].tolist(),
        masses={kind: values[scored].tolist() for kind, values in masses.items()},
        measures={name: values[scored].tolist() for name, values in found.measures.items()},
        low=found.mixing.low[scored].tolist(),
        high=found.mixing.high[scored].tolist(),
        diagnosis=[latent.diagnosis for latent, has in zip(found.latents, scored, strict=True) if has],
        n_unscored=int((~scored).sum()),
        shuffled=_shuffled(found, world.spec.seed),
    )


def _masses(found: CaseScores, features: Float32s, truth: sp.csc_array) -> dict[str, Float64s]:
    """Kind of mass -> `[n]`."""
    parts = attribute(found.decoders.narrow, features, found.sample.narrow, truth.tocsr()[found.tokens].tocsc())
    return {kind: getattr(parts, kind) for kind in KINDS}


def _shuffled(found: CaseScores, seed: int) -> float:
    """Share of latents called hedged when the narrow SAE's activations belong to other tokens."""
    sample = found.sample
    order = np.random.default_rng(seed).permutation(len(sample))
    shuffled = replace(sample, narrow=sample.narrow_rows[order].tocsc())
    mixed = mixing(shuffled, found.decoders, found.counted)
    # A latent whose score is undefined is not called hedged.
    return float((mixed.low > np.maximum(mixed.chance, MIN_SCORE)).mean())

"""One world from training to scores, through the same pipeline as any comparison."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from app.activations.language_model import ModelShelf
from app.executor.local import run_shards
from app.lab.scratch import scratch_database
from app.lab.trained import REFERENCES, TrainedWorld, make_trained
from app.lab.worlds import WorldSpec
from app.pipeline.inputs import ComparisonInputs, open_inputs
from app.pipeline.open import OpenFiles, Resources
from app.pipeline.passes import collect_statistics
from app.pipeline.run import score_and_store
from app.progress import silent
from app.records import ComparisonRequest
from app.scores.diagnosis import MIN_SCORE
from app.scores.geometry import geometry_of
from app.scores.mixing.mixing import mixing
from app.store.read import columns

SCORE = "hedging_score"
OTHER_SCORES = ("decoder_hedging", "activation_hedging")
BASELINES = ("1 - best cosine", "1 - best Jaccard", "c_dec")
RIVALS = (*OTHER_SCORES, *BASELINES)
MEASURES = (SCORE, *RIVALS)
FIELDS = (
    SCORE,
    *OTHER_SCORES,
    "max_decoder_cosine",
    "max_jaccard",
    "c_dec",
    "diagnosis",
    "hedging_score_low",
    "hedging_score_high",
)


@dataclass(frozen=True)
class Trial:
    """The scores of one world's narrow SAE against one reference.

    Attributes:
        family, world, reference: which.
        impurity: `[n]` truth, of the latents that have a score.
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
    measures: dict[str, list[float]]
    low: list[float]
    high: list[float]
    diagnosis: list[str | None]
    n_unscored: int
    shuffled: float


def run_world(spec: WorldSpec, folder: Path) -> list[Trial]:
    """Sample, train and score one world, against each reference. Runs on one thread."""
    torch.set_num_threads(1)
    world = make_trained(spec, folder)
    with scratch_database(folder) as engine:
        return [_trial(engine, world, name, folder) for name in REFERENCES]


def _trial(engine: Any, world: TrainedWorld, reference: str, folder: Path) -> Trial:
    request = ComparisonRequest(
        str(world.narrow), str(world.references[reference]), activations=str(world.activations), name=reference
    )
    inputs = open_inputs(OpenFiles(engine, ModelShelf(folder / "models")), folder, request, Resources())
    run_shards(inputs.source.stream, tuple(inputs.saes), inputs.store, inputs.shards)
    slug = score_and_store(engine, inputs, silent).slug
    found = columns(engine, slug, "narrow", FIELDS)
    scored = np.array([value is not None for value in found[SCORE]])
    numbers = {name: np.array(found[name], dtype=np.float64)[scored] for name in FIELDS if name != "diagnosis"}
    return Trial(
        family=world.spec.family,
        world=world.spec.name,
        reference=reference,
        impurity=world.impurity[scored].tolist(),
        measures={name: values.tolist() for name, values in _measures(numbers).items()},
        low=numbers["hedging_score_low"].tolist(),
        high=numbers["hedging_score_high"].tolist(),
        diagnosis=[name for name, has in zip(found["diagnosis"], scored, strict=True) if has],
        n_unscored=int((~scored).sum()),
        shuffled=_shuffled(inputs, world.spec.seed),
    )


def _measures(numbers: dict[str, NDArray[np.float64]]) -> dict[str, NDArray[np.float64]]:
    """The scores and the baselines, each larger for a more impure latent."""
    baselines = 1 - numbers["max_decoder_cosine"], 1 - numbers["max_jaccard"], numbers["c_dec"]
    return {**{name: numbers[name] for name in (SCORE, *OTHER_SCORES)}, **dict(zip(BASELINES, baselines, strict=True))}


def _shuffled(inputs: ComparisonInputs, seed: int) -> float:
    """Share of latents called hedged when the narrow SAE's activations belong to other tokens."""
    statistics = collect_statistics(inputs.reader, silent)
    sample = statistics.sample
    order = np.random.default_rng(seed).permutation(len(sample))
    shuffled = replace(sample, narrow=sample.narrow_rows[order].tocsc())
    counted: NDArray[np.bool_] = geometry_of(inputs.weights, statistics).reference.matchable
    found = mixing(shuffled, inputs.weights.map(lambda side: side.decoder), counted)
    # A latent whose score is undefined is not called hedged.
    return float((found.low > np.maximum(found.chance, MIN_SCORE)).mean())

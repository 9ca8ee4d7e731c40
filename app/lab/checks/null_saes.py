"""The scores of SAEs that have learned nothing, next to those of the real ones."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np

from app.arrays import Float32s, Float64s
from app.lab.checks.scope import Findings, Scope
from app.lab.latent_fields import NUMBERS, Fields, called_hedged, known, medians, saved_inputs, scored, stored
from app.lab.null_saes import activations_of_rows, plan_of, random_sae, trained_sae, with_random_weights
from app.lab.real import Real
from app.lab.scoring import SCORE, Case
from app.records import CheckTable
from app.records.validation import Cell
from app.store.read import get_comparison, resolve_slug
from app.training.train import TrainingPlan

SEED = 81
N_TRAIN, N_QUICK = 200_000, 30_000
"""Training tokens of the SAEs that are trained here: a twentieth of what the demo's had."""

WIDER = 4
"""Latents of the reference that is trained here, to one of the narrow SAE."""

QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
REAL = "the comparison's narrow SAE"
N_BINS = 20

NOTES = (
    "The first three are compared with the comparison's reference, the last two with a reference of four times as many "
    "latents that was trained like them.",
    "The SAEs that are trained here see the tokens that they are scored on, about three times each.",
    "A low score does not say that a latent stands for something: random directions score low, because hardly any "
    "part of them is large enough to be named. Read decoder hedging and the best decoder cosine next to the score.",
    "A high score does not say that an SAE has learned anything of language: one of a model with random weights "
    "mixes its reference's rows too.",
)


def run(scope: Scope) -> Findings:
    """Make the null SAEs, score them, and set their scores next to the stored ones."""
    real = Real(scope)
    inputs = real.sample.inputs
    n_tokens = N_QUICK if scope.quick else N_TRAIN
    firings = np.diff(real.sample.narrow.indptr)
    advance = scope.progress("null SAEs", 4, "SAEs")
    random_sae(inputs, firings / len(inputs), SEED).save(scope.folder / "random")
    plan = plan_of(len(firings), float(firings.sum() / len(inputs)), n_tokens, SEED)
    frozen = trained_sae(inputs, plan, scope.folder / "frozen", frozen_decoder=True)
    found = {REAL: stored(scope)}
    file, shards = saved_inputs(inputs, scope.folder), scope.folder / "shards"
    for name, narrow in (
        ("random directions, as dense as its latents", scope.folder / "random"),
        ("decoder frozen at random, the rest trained", frozen),
    ):
        found[name] = scored(Case(narrow, real.reference_folder, file), shards)
        advance(1)
    for name, folder, acts in (
        ("trained here on the same model", scope.folder / "same", inputs),
        ("trained here on the model with random weights", scope.folder / "model", _of_random_model(real, scope)),
    ):
        found[name] = scored(_pair(acts, plan, folder), folder / "shards")
        advance(1)
    return findings(found, {**real.settings, "training tokens": n_tokens, "seed": SEED})


def _pair(inputs: Float32s, plan: TrainingPlan, folder: Path) -> Case:
    """A narrow SAE and a wider reference, both trained on some inputs."""
    wider = replace(plan, d_sae=WIDER * plan.d_sae, seed=plan.seed + 1)
    return Case(
        trained_sae(inputs, plan, folder / "narrow"),
        trained_sae(inputs, wider, folder / "reference"),
        saved_inputs(inputs, folder),
    )


def _of_random_model(real: Real, scope: Scope) -> Float32s:
    """`[n_tokens, d_in]` activations of the comparison's model before any training, on the comparison's text."""
    store = scope.open_store()
    summary = get_comparison(store.engine, resolve_slug(store.engine, scope.comparison))
    # Only a comparison of a model and a text can be opened again.
    assert summary.model_name is not None
    assert summary.hook_name is not None
    model = with_random_weights(store.models.get(summary.model_name), SEED)
    rows = real.inputs.source.stream.rows
    return activations_of_rows(model, rows.limited(len(real.sample)), summary.hook_name)


def findings(found: Mapping[str, Fields], settings: Mapping[str, str | int | float]) -> Findings:
    """Tables of the distributions."""
    scores = {name: known(fields[SCORE]) for name, fields in found.items()}
    return Findings(
        settings=settings,
        tables=(
            CheckTable(
                "Hedging scores: how they are distributed",
                ("narrow SAE", "scored", *(f"{quantile:.0%}" for quantile in QUANTILES)),
                tuple((name, len(values), *_quantiles(values)) for name, values in scores.items()),
                plotted=("5%", "50%", "95%"),
            ),
            CheckTable(
                "What they are called, and plainer measures: share called hedged, medians of the rest",
                ("narrow SAE", "called hedged", *NUMBERS.values()),
                tuple((name, called_hedged(fields), *medians(fields)) for name, fields in found.items()),
                plotted=("called hedged",),
            ),
        ),
        notes=NOTES,
        data={"histograms": {name: _histogram(values) for name, values in scores.items()}},
    )


def _quantiles(values: Float64s) -> tuple[Cell, ...]:
    return tuple(map(float, np.quantile(values, QUANTILES))) if len(values) else (None,) * len(QUANTILES)


def _histogram(values: Float64s) -> list[int]:
    """Latents in `N_BINS` equal bins of [0, 1]."""
    counts: list[int] = np.histogram(values, bins=N_BINS, range=(0, 1))[0].tolist()
    return counts

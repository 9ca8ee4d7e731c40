"""Features planted in real activations: which latents of a trained SAE mix them is known."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import scipy.sparse as sp

from app.arrays import Flags, Float32s
from app.lab.attribution import Attribution, attribute
from app.lab.checks.grafts import correlation, ranks
from app.lab.checks.resynthesis import narrow_of, score_on
from app.lab.checks.scope import Findings, Scope
from app.lab.real import Real
from app.lab.scoring import MEASURES, SCORE, TITLES, CaseScores
from app.lab.threshold_sae import ThresholdSae
from app.records import CheckTable
from app.records.validation import aim

N_EACH, N_NARROW, K, SEED = 16, 192, 24.0, 71
"""Pairs of each kind, and single features; narrow latents, of which so many fire a token."""

FIRES = 0.015, 0.04
"""Probability of a feature: smallest, largest."""

COMES = 0.15, 0.5
"""Probability of a child or a companion where its feature fires."""

SIZE = 0.15, 0.3
"""Magnitude, as a share of the usual length of an input."""

STANDS_FOR = 0.5
"""Least cosine of a latent's row with the planted feature that it stands for."""


@dataclass(frozen=True)
class Planted:
    """g features.

    Attributes:
        directions: `[g, d_in]` unit; acts: `[m, g]` activations; sizes: `[g]` their usual magnitude.
    """

    directions: Float32s
    acts: Float32s
    sizes: Float32s


def run(scope: Scope) -> Findings:
    """Plant features, train a narrow SAE on what results, score it with a reference that has the features."""
    real = Real(scope)
    n_each, n_narrow = (N_EACH // 2, N_NARROW // 2) if scope.quick else (N_EACH, N_NARROW)
    planted = plant(real.sample.inputs, n_each, np.random.default_rng(SEED))
    inputs = (real.sample.inputs + planted.acts @ planted.directions).astype(np.float32)
    narrow = narrow_of(inputs, n_narrow, K, SEED, scope)
    found = score_on(scope, narrow, with_features(real.reference, planted, real.sample.inputs), inputs)
    parts = attribute(narrow.rows, planted.directions, sp.csc_array(narrow.encode(inputs)), sp.csc_array(planted.acts))
    stands = found.scored & ((narrow.rows @ planted.directions.T).max(axis=1) >= STANDS_FOR)
    truth = parts.hedged[stands]
    figures = {
        name: (ranks(values[stands], truth), correlation(values[stands], truth))
        for name, values in found.measures.items()
    }
    return Findings(
        settings={**real.settings, "features": len(planted.sizes), "narrow latents": n_narrow, "seed": SEED},
        tables=(
            CheckTable(
                f"Latents that stand for a planted feature ({stands.sum()}, of which {(truth > 0.05).sum()} have a "
                "hedged mass above 0.05)",
                ("score", "AUROC", "Spearman"),
                tuple((TITLES[name], *figures[name]) for name in MEASURES),
                plotted=("AUROC",),
            ),
            _pure(found, parts, stands),
        ),
        aims=(aim("AUROC, hedged mass above 0.05", "at least", 0.85, figures[SCORE][0], bound=1.0),),
        notes=("The truth counts planted features only: what a latent mixes of the model's own features is unknown.",),
    )


def plant(inputs: Float32s, n_each: int, rng: np.random.Generator) -> Planted:
    """Single features, parents with a child, features with a companion, and features that exclude one another."""
    n_tokens, d_in = inputs.shape
    usual = float(np.linalg.norm(inputs - inputs.mean(axis=0), axis=1).mean())
    fires: list[Any] = []
    for _ in range(n_each):
        single, parent, first = (rng.random(n_tokens) < rng.uniform(*FIRES) for _ in range(3))
        child = parent & (rng.random(n_tokens) < rng.uniform(*COMES))
        companion = (first & (rng.random(n_tokens) < rng.uniform(*COMES))) | (rng.random(n_tokens) < 0.003)
        either = rng.random(n_tokens) < 2 * rng.uniform(*FIRES)
        side = rng.random(n_tokens) < 0.5
        fires += [single, parent, child, first, companion, either & side, either & ~side]
    directions = rng.standard_normal((len(fires), d_in))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    sizes = usual * rng.uniform(*SIZE, len(fires))
    spread = np.maximum(1 + 0.25 * rng.standard_normal((n_tokens, len(fires))), 0.2)
    acts = np.stack(fires, axis=1) * spread * sizes
    return Planted(directions.astype(np.float32), acts.astype(np.float32), sizes.astype(np.float32))


def with_features(reference: ThresholdSae, planted: Planted, inputs: Float32s) -> ThresholdSae:
    """The reference with a latent for each planted feature: it fires from half of the usual magnitude on."""
    usual = inputs.mean(axis=0) @ planted.directions.T
    return replace(
        reference,
        weight=np.concatenate([reference.weight, planted.directions.T], axis=1),
        bias=np.concatenate([reference.bias, -usual]),
        threshold=np.concatenate([reference.threshold, planted.sizes / 2]),
        rows=np.concatenate([reference.rows, planted.directions]),
        norms=np.concatenate([reference.norms, np.ones_like(planted.sizes)]),
    )


def _pure(found: CaseScores, parts: Attribution, stands: Flags) -> CheckTable:
    """Medians by how much is mixed in."""
    score, bins = found.measures[SCORE], ((0.0, 0.01), (0.01, 0.05), (0.05, 0.2), (0.2, 1.0))
    rows = []
    for low, high in bins:
        chosen = stands & (parts.hedged >= low) & (parts.hedged < high)
        medians = [float(np.median(each[chosen])) if chosen.any() else None for each in (parts.hedged, score)]
        rows.append((f"{low:g} to {high:g}", int(chosen.sum()), *medians))
    return CheckTable(
        "The score by what is mixed in",
        ("true hedged mass", "latents", "median of the truth", "median score"),
        tuple(rows),
        plotted=("median of the truth", "median score"),
    )

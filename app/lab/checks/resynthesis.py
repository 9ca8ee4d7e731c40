"""Inputs re-synthesised from real firings: what a trained SAE mixes there is known exactly."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from safetensors.torch import save_file
from scipy.stats import spearmanr

from app.arrays import Float32s, Float64s, Int64s
from app.lab.checks.scope import Findings, Scope
from app.lab.real import Real
from app.lab.scoring import MEASURES, SCORE, TITLES, Case, CaseScores, score_case
from app.lab.threshold_sae import ThresholdSae
from app.lab.trained import BATCH_SIZE, Pool, train_quietly
from app.records import CheckTable
from app.records.validation import aim
from app.sae.load import load_sae
from app.scores.mixing.evidence import MIN_MASS
from app.training.train import TrainingPlan

N_FEATURES, N_NARROW, K = 1024, 128, 16.0
"""Reference latents that inputs are made of, the most frequent ones; narrow latents; how many of these fire a token."""

N_STEPS, RIDGE, SEED = 2000, 1e-3, 61

ORACLE = "true masses from 0.005 on"


@dataclass(frozen=True)
class Truth:
    """Of n narrow latents whose decoder is the least-squares one: `d_i = sum of W_ij e_j`, exactly.

    Attributes:
        rows: `[n, d_in]` unit rows.
        mixed: `[n]` mass outside the feature with the largest one, as a share of the squared row.
        visible: `[n]` the part of it that lies with masses large enough to be named.
        halves: `[n]` features, the largest masses first, that make up half of it.
    """

    rows: Float32s
    mixed: Float64s
    visible: Float64s
    halves: Int64s


def run(scope: Scope) -> Findings:
    """Train a narrow SAE on sums of reference latents, and compare its scores with what its decoder mixes."""
    real = Real(scope)
    n_features, n_narrow = (N_FEATURES // 4, N_NARROW // 2) if scope.quick else (N_FEATURES, N_NARROW)
    fires = np.diff(real.sample.reference.indptr)
    features = real.reference.take(np.sort(np.argsort(-fires, kind="stable")[:n_features]))
    acts = features.encode(real.sample.inputs)
    inputs = (acts @ features.rows + features.b_dec).astype(np.float32)
    narrow = narrow_of(inputs, n_narrow, K, SEED, scope)
    truth = least_squares(narrow.encode(inputs), acts, features.rows)
    found = score_on(scope, replace(narrow, rows=truth.rows), features, inputs)
    measures = {**{TITLES[name]: found.measures[name] for name in MEASURES}, ORACLE: truth.visible}
    ranks = {name: _rank(values, truth.mixed, found) for name, values in measures.items()}
    return Findings(
        settings={**real.settings, "features": n_features, "narrow latents": n_narrow, "seed": SEED},
        tables=(
            CheckTable(
                "Rank correlation with the true mixed mass",
                ("score", "Spearman"),
                tuple((name, rank) for name, rank in ranks.items()),
                plotted=("Spearman",),
                note="The oracle knows every mass, and adds up those from 0.005 on, as the score does.",
            ),
            _sizes(truth, found),
        ),
        aims=(
            aim(
                "rank correlation with the true mixed mass",
                "at least",
                0.6,
                ranks[TITLES[SCORE]],
                bound=ranks[ORACLE],
                note="A mixture is spread over many partners, most of them too small to stand out from noise.",
            ),
        ),
        notes=(
            "The reference has exactly the features that inputs are made of. Decoder cosine and decoder hedging see a "
            "diffuse mixture as a whole: read them next to the score.",
        ),
    )


def least_squares(narrow: Float32s, acts: Float32s, rows: Float32s) -> Truth:
    """The least-squares decoder of given activations, and what each of its rows is made of.

    Args:
        narrow: `[m, n]` activations; acts: `[m, g]` of the features; rows: `[g, d_in]` their directions.
    """
    a, z = (each - each.mean(axis=0, dtype=np.float64) for each in (narrow, acts))
    gram = a.T @ a
    gram[np.diag_indices_from(gram)] *= 1 + RIDGE
    gram[np.diag_indices_from(gram)] += 1e-9
    weights = np.linalg.solve(gram, a.T @ z)
    decoder = weights @ rows
    squared = np.maximum(np.square(decoder).sum(axis=1), 1e-30)
    masses = weights * (decoder @ rows.T) / squared[:, None]
    others = -np.sort(-masses, axis=1)[:, 1:]
    shares = np.cumsum(np.maximum(others, 0), axis=1)
    return Truth(
        rows=(decoder / np.sqrt(squared)[:, None]).astype(np.float32),
        mixed=1 - masses.max(axis=1),
        visible=np.where(others >= MIN_MASS, others, 0).sum(axis=1),
        halves=(shares < shares[:, -1:] / 2).sum(axis=1) + 1,
    )


def narrow_of(inputs: Float32s, n_latents: int, k: float, seed: int, scope: Scope) -> ThresholdSae:
    """A BatchTopK SAE, trained on some inputs."""
    plan = TrainingPlan(
        architecture="batchtopk",
        d_sae=n_latents,
        matryoshka_widths=(),
        k=k,
        n_tokens=(N_STEPS // 4 if scope.quick else N_STEPS) * BATCH_SIZE,
        batch_size=BATCH_SIZE,
        lr=1e-3,
        warm_up=0.05,
        decay=0.25,
        aux_loss_coefficient=1 / 32,
        dead_after_tokens=100 * BATCH_SIZE,
        model_name="none",
        hook_name="none",
        seed=seed,
    )
    train_quietly(plan, Pool(torch.from_numpy(inputs), seed), scope.folder / "trained")
    return ThresholdSae.of(load_sae(str(scope.folder / "trained")))


def score_on(scope: Scope, narrow: ThresholdSae, reference: ThresholdSae, inputs: Float32s) -> CaseScores:
    """The scores of two SAEs on some inputs."""
    narrow.save(scope.folder / "narrow")
    reference.save(scope.folder / "reference")
    save_file({"activations": torch.from_numpy(inputs)}, scope.folder / "inputs.safetensors")
    case = Case(scope.folder / "narrow", scope.folder / "reference", scope.folder / "inputs.safetensors")
    return score_case(case, scope.folder / "shards", progress=scope.progress)


def _rank(values: Float64s, mixed: Float64s, found: CaseScores) -> float | None:
    known = found.scored & ~np.isnan(values)
    varied = known.sum() > 2 and np.ptp(values[known]) > 0
    return float(spearmanr(values[known], mixed[known]).statistic) if varied else None


def _sizes(truth: Truth, found: CaseScores) -> CheckTable:
    known = found.scored
    score = found.measures[SCORE][known]
    return CheckTable(
        "How diffuse the mixtures are",
        ("median over the latents", "value"),
        (
            ("true mixed mass", float(np.median(truth.mixed[known]))),
            ("of it with masses from 0.005 on", float(np.median(truth.visible[known]))),
            ("hedging score", float(np.median(score))),
            ("partners that make up half of the mixed mass", float(np.median(truth.halves[known]))),
        ),
    )

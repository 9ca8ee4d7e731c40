"""SAEs that have learned nothing, or nothing of language: what a score says of them is not about features.

After *Sanity Checks for Sparse Autoencoders* (arXiv 2602.14111).
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from app.activations.batch import TokenRows
from app.activations.hooks import model_batches
from app.activations.language_model import LanguageModel
from app.arrays import Float32s, Float64s
from app.lab.threshold_sae import ThresholdSae
from app.lab.trained import BATCH_SIZE, Pool, train_quietly
from app.training.train import TrainingPlan


def random_sae(inputs: Float32s, density: Float64s, seed: int) -> ThresholdSae:
    """Random directions that read along themselves, each firing as often as it should.

    Args:
        inputs: `[n_tokens, d_in]` that they are to fire on.
        density: `[n]` share of the inputs on which each latent is to fire.
    """
    rng = np.random.default_rng(seed)
    rows = rng.standard_normal((len(density), inputs.shape[1])).astype(np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    mean = inputs.mean(axis=0)
    threshold = np.array(
        [np.quantile((inputs - mean) @ row, 1 - share) for row, share in zip(rows, density, strict=True)],
        dtype=np.float32,
    )
    return ThresholdSae(
        weight=rows.T.copy(),
        bias=-(rows @ mean),
        # A negative threshold would let negative activations through.
        threshold=np.maximum(threshold, 0),
        rows=rows,
        norms=np.ones(len(rows), dtype=np.float32),
        b_dec=mean,
    )


def trained_sae(inputs: Float32s, plan: TrainingPlan, folder: Path, *, frozen_decoder: bool = False) -> Path:
    """An SAE trained on some inputs, in a folder."""
    train_quietly(plan, Pool(torch.from_numpy(inputs), plan.seed), folder, frozen_decoder=frozen_decoder)
    return folder


def plan_of(d_sae: int, k: float, n_tokens: int, seed: int) -> TrainingPlan:
    """A short training of a BatchTopK SAE on a language model's activations."""
    return TrainingPlan(
        architecture="batchtopk",
        d_sae=d_sae,
        matryoshka_widths=(),
        k=k,
        n_tokens=n_tokens,
        batch_size=BATCH_SIZE,
        lr=1e-3,
        warm_up=0.05,
        decay=0.33,
        aux_loss_coefficient=1.0,
        dead_after_tokens=n_tokens // 4,
        model_name="none",
        hook_name="none",
        seed=seed,
    )


def with_random_weights(language_model: LanguageModel, seed: int) -> LanguageModel:
    """The same architecture and tokenizer with the weights that training would start from."""
    torch.manual_seed(seed)
    known: Any = language_model.model
    model = type(known)(known.config).to(known.device).eval().requires_grad_(False)
    return replace(language_model, name=f"{language_model.name}, random weights", model=model)


def activations_of_rows(language_model: LanguageModel, rows: TokenRows, hook_name: str) -> Float32s:
    """`[n_kept, d_in]` activations of all scored tokens of some rows."""
    parts = [batch.acts.cpu().numpy() for batch in model_batches(language_model, rows, hook_name)]
    found: Float32s = np.concatenate(parts)
    return found

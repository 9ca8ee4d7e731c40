"""A meta-SAE: a small SAE trained on the decoder rows of another one (Leask et al., arXiv 2502.04878)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from app.arrays import Float32s, Float64s
from app.lab.trained import BATCH_SIZE, Pool, quietly
from app.training.train import TrainingPlan, train

K = 4
"""Active meta-latents per decoder row, as in the paper."""

ROWS_A_LATENT, FEWEST = 16, 32
"""Decoder rows to a meta-latent (the paper has 21); fewest meta-latents."""

N_STEPS = 600


@dataclass(frozen=True)
class MetaSae:
    """Trained on the rows of one reference.

    Args:
        sae: a training SAE of SAELens.
    """

    sae: object

    @classmethod
    def of(cls, rows: Float32s, seed: int = 0) -> MetaSae:
        """Trained on `[n, d_in]` unit decoder rows."""
        plan = TrainingPlan(
            architecture="batchtopk",
            d_sae=max(FEWEST, len(rows) // ROWS_A_LATENT),
            matryoshka_widths=(),
            k=float(K),
            n_tokens=N_STEPS * BATCH_SIZE,
            batch_size=BATCH_SIZE,
            lr=1e-3,
            warm_up=0.05,
            decay=0.33,
            aux_loss_coefficient=1 / 32,
            dead_after_tokens=50 * BATCH_SIZE,
            model_name="none",
            hook_name="none",
            seed=seed,
        )
        repeated = np.tile(rows, (-(-BATCH_SIZE // len(rows)), 1))
        with quietly():
            return cls(train(plan, Pool(torch.from_numpy(repeated), seed)))

    def share_of_others(self, rows: Float32s) -> Float64s:
        """`[n]` for each row the share of its meta-latents' contributions outside the largest; 0 without any."""
        with torch.no_grad():
            values = torch.from_numpy(rows)
            sae = self.sae
            directions = sae.W_dec  # type: ignore[attr-defined]
            acts = sae.encode(values)  # type: ignore[attr-defined]
            parts = (acts * (values @ directions.T)).clamp(min=0).numpy().astype(np.float64)
        total = parts.sum(axis=1)
        shares: Float64s = np.where(total > 0, 1 - parts.max(axis=1) / np.maximum(total, 1e-12), 0.0)
        return shares

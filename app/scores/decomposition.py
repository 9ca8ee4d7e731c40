"""A narrow latent's decoder row, written with few rows of the reference decoder."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from app.arrays import Float32s, Float64s, Int64s

MAX_PARTNERS = 8
"""Reference rows in one decomposition at most."""

MIN_GAIN = 0.01
"""A further row must explain at least this share of the narrow row's squared norm."""


@dataclass(frozen=True)
class Decomposition:
    """One narrow latent on reference latents.

    Attributes:
        partners: `[p]` int64 reference latents, by descending share: the first is the main partner.
        weights: `[p]` least-squares coefficients of their unit rows.
        shares: `[p]` non-negative, sum 1 (empty when nothing is explained).
        residual: share of the squared norm that is not explained, in [0, 1].
    """

    partners: Int64s
    weights: Float64s
    shares: Float64s
    residual: float


def decompose(direction: Float32s, rows: Float32s, latents: Int64s) -> Decomposition:
    """Orthogonal matching pursuit of a unit direction on a few candidate unit rows.

    The share of a row is what it contributes to the explained squared norm, `w_j · <d, e_j>`
    (these sum to it exactly for a least-squares fit), negative contributions counted as none.

    Source: Pati, Rezaiifar & Krishnaprasad, *Orthogonal matching pursuit*, Asilomar 1993.

    Args:
        direction: `[d_in]`.
        rows: `[n_candidates, d_in]`.
        latents: `[n_candidates]` which reference latent each row is.
    """
    target = rows.astype(np.float64) @ direction.astype(np.float64)
    gram = rows.astype(np.float64) @ rows.T.astype(np.float64)
    chosen: list[int] = []
    weights: Float64s = np.zeros(0)
    explained = 0.0
    while len(chosen) < min(MAX_PARTNERS, len(rows)):
        correlation = np.abs(target - gram[:, chosen] @ weights)
        correlation[chosen] = -1
        trial = [*chosen, int(np.argmax(correlation))]
        fitted = np.linalg.lstsq(gram[np.ix_(trial, trial)], target[trial], rcond=1e-10)[0].astype(np.float64)
        gain = float(fitted @ target[trial]) - explained
        if gain < MIN_GAIN:
            break
        chosen, weights, explained = trial, fitted, explained + gain
    return _ordered(latents[chosen], weights, target[chosen], explained)


def _ordered(partners: Int64s, weights: Float64s, target: Float64s, explained: float) -> Decomposition:
    contribution = np.clip(weights * target, 0, None)
    total = contribution.sum()
    shares = contribution / total if total > 0 else contribution
    order = np.argsort(-shares, kind="stable")
    return Decomposition(partners[order], weights[order], shares[order], float(np.clip(1 - explained, 0, 1)))

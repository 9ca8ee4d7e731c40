"""Tokens whose features are known, with a narrow SAE of any rows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from app.records import BySide
from app.scores.mixing.mixing import mixing
from app.scores.mixing.results import Mixing
from app.stats.input_sample import N_GROUPS, Sample

Singles = NDArray[np.float32]
N_TOKENS, N_FEATURES, D_IN = 8192, 40, 64


@dataclass(frozen=True)
class KnownWorld:
    """40 orthonormal features; 20 + k comes with k on 40 % of its tokens (k < 6) or never (6 <= k < 12)."""

    features: Singles
    acts: Singles
    inputs: Singles

    @classmethod
    def make(cls, seed: int = 0) -> KnownWorld:
        rng = np.random.default_rng(seed)
        fires = rng.random((N_TOKENS, N_FEATURES)) < rng.uniform(0.05, 0.12, N_FEATURES)
        for k in range(6):
            fires[:, 20 + k] = np.where(fires[:, k], rng.random(N_TOKENS) < 0.4, rng.random(N_TOKENS) < 0.02)
        for k in range(6, 12):
            fires[:, k] = rng.random(N_TOKENS) < 0.25
            fires[:, 20 + k] = ~fires[:, k] & (rng.random(N_TOKENS) < 0.3)
        acts = (fires * np.maximum(1 + 0.25 * rng.standard_normal(fires.shape), 0.2)).astype(np.float32)
        features = np.linalg.qr(rng.standard_normal((D_IN, N_FEATURES)))[0].T.astype(np.float32)
        inputs = acts @ features + 0.02 * rng.standard_normal((N_TOKENS, D_IN)).astype(np.float32)
        return cls(features, acts, inputs.astype(np.float32))

    def sample(self, narrow: Singles, *, order: NDArray[np.int64] | None = None) -> Sample:
        """Tokens with a narrow SAE of given activations; the reference has the features', perhaps in another order."""
        reference = self.acts if order is None else self.acts[:, order]
        bounds = np.linspace(0, N_TOKENS, N_GROUPS + 1).astype(np.int64)
        row, position = np.arange(N_TOKENS), np.zeros(N_TOKENS, dtype=np.int32)
        return Sample(self.inputs, sp.csc_array(narrow), sp.csc_array(reference), bounds, row, position)

    def score(self, narrow: Singles, decoder: Singles) -> Mixing:
        """Score a narrow SAE of given activations and rows against the features."""
        return score(self.sample(narrow), decoder, self.features)


def score(sample: Sample, narrow: Singles, reference: Singles) -> Mixing:
    """The score of given rows; reference latents with 30 firings are counted."""
    return mixing(sample, BySide(narrow, reference), np.diff(sample.reference.indptr) >= 30)


def graft(world: KnownWorld, alphas: dict[int, float]) -> Singles:
    """Rows of features 0 to 19; k gets alpha of feature 20 + k."""
    rows = world.features[:20].astype(np.float64).copy()
    for k, alpha in alphas.items():
        rows[k] += alpha * world.features[20 + k]
    unit: Singles = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
    return unit


def partners_of(found: Mixing, i: int) -> list[int]:
    """The named partners of a narrow latent, by descending mass."""
    named: list[int] = found.partners.reference[found.partners.narrow == i].tolist()
    return named

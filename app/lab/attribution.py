"""What an impure decoder row is made of, where the true features are known: hedged, merged, superposition."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp

from app.arrays import Float32s, Float64s, Int64s
from app.scores.decomposition import decompose
from app.scores.overlap import overlap

DEPENDENT = 0.05
"""|phi| of two features from which one's firing depends on the other's."""

MERGED, TIMES, MIN_TOKENS = 0.25, 3.0, 10
"""A feature is merged into a latent that fires on this share of the tokens with it and without the own feature, so many
times as often as on other tokens without it, on so many tokens."""

N_CANDIDATES = 64
"""Features nearest to a row, on which it is written."""

KINDS = ("hedged", "merged", "superposition")


@dataclass(frozen=True)
class Attribution:
    """Of n latents, as shares of the squared decoder row.

    Attributes:
        own: feature that each stands for: the one with the largest mass.
        hedged: features whose firing depends on the own one's (hierarchy, correlation, exclusion).
        merged: features that exclude the own one and make the latent fire themselves.
        superposition: all other ones.
        unexplained: what no feature explains.
    """

    own: Int64s
    hedged: Float64s
    merged: Float64s
    superposition: Float64s
    unexplained: Float64s


def attribute(decoder: Float32s, features: Float32s, acts: sp.csc_array, truth: sp.csc_array) -> Attribution:
    """Write each decoder row on the true features, and say why each of them is in it.

    Args:
        decoder: `[n, d_in]` unit rows; features: `[g, d_in]` unit directions.
        acts: `[T, n]` activations of the latents; truth: `[T, g]` of the features, on the same tokens.
    """
    near = decoder @ features.T
    fires, true = (acts > 0).astype(np.float32), (truth > 0).astype(np.float32)
    n_true = np.diff(true.indptr).astype(np.int64)
    found = np.zeros((len(decoder), 4))
    own = np.zeros(len(decoder), dtype=np.int64)
    for i, row in enumerate(decoder):
        candidates = np.argsort(-np.abs(near[i]), kind="stable")[:N_CANDIDATES].astype(np.int64)
        parts = decompose(row, features[candidates], candidates)
        if not len(parts.partners):
            found[i, 3] = 1.0
            continue
        own[i] = parts.partners[0]
        kinds = _kinds(fires[:, [i]], true, n_true, int(own[i]), parts.partners[1:])
        masses = parts.shares[1:] * (1 - parts.residual)
        found[i] = [*(masses[kinds == kind].sum() for kind in range(3)), parts.residual]
    return Attribution(own, *found.T)


def _kinds(fires: sp.csc_array, true: sp.csc_array, n_true: Int64s, own: int, others: Int64s) -> Int64s:
    """Place in `KINDS` of each other feature."""
    n_tokens = true.shape[0]
    with_own = true[:, [own]]
    n_both = (with_own.T @ true[:, others]).toarray()[0].astype(np.int64)
    phi = np.nan_to_num(overlap(n_both, n_true[[own]], n_true[others], n_tokens).phi)
    alone = fires - fires.multiply(with_own)
    n_alone = n_true[others] - n_both
    p_alone = (alone.T @ true[:, others]).toarray()[0] / np.maximum(n_alone, 1)
    base = float(alone.sum()) / max(n_tokens - int(n_true[own]), 1)
    merged = (phi < DEPENDENT) & (n_alone >= MIN_TOKENS) & (p_alone >= MERGED) & (p_alone >= TIMES * base)
    return np.where(merged, 1, np.where(np.abs(phi) >= DEPENDENT, 0, 2)).astype(np.int64)

"""Absorption: a latent that is silent where another latent's feature comes with its own.

The look-alike of hedging (Chanin, Dulka & Garriga-Alonso, arXiv 2505.11756). Where a parent feature
is absorbed into its child's latent, the parent's latent does not fire on the child's tokens, and its
encoder points away from the child; its decoder stays right. A reference that keeps parent and child
apart shows it: on the tokens where the parent's reference latent fires,

    missed = the narrow latent is silent,   caught = it fires,

and the child's latent fires on most of the missed tokens, but on few of the caught ones.
"""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp

from app.arrays import Flags, Float32s, Float64s, Int32s, Int64s
from app.scores.cosines import Nearest
from app.stats.input_sample import Sample

MIN_MATCH = 0.7
"""Decoder cosine from which the nearest reference latent stands for the same feature."""

MIN_MISSED = 0.15
"""Share of the match's tokens that a latent has to miss."""

MIN_MISSED_TOKENS = 10
MIN_ON_MISSED = 0.5
"""Share of the missed tokens on which the absorbing latent fires, at least."""

MAX_RATIO = 0.3
"""Its share on the caught tokens over that on the missed ones, at most."""


def absorbed_by(
    sample: Sample,
    *,
    encoder: Float32s,
    decoder: Float32s,
    match: Nearest,
    counted: Flags,
) -> Int64s:
    """`[n_narrow]` the reference latent that absorbs each narrow latent's feature; -1 for none.

    Args:
        encoder: `[n_narrow, d_in]` encoder rows.
        decoder: `[n_reference, d_in]` unit decoder rows of the reference.
        match: of each narrow latent the nearest reference latents by decoder cosine.
        counted: `[n_reference]` reference latents that can absorb.
    """
    nearest, cosine = match.index[:, 0], match.cosine[:, 0]
    found = np.full(len(nearest), -1, dtype=np.int64)
    for i in np.flatnonzero((nearest >= 0) & (cosine >= MIN_MATCH)).tolist():
        opposed = counted & (encoder[i] @ decoder.T < 0)
        found[i] = _absorbing(sample, i, int(nearest[i]), opposed)
    return found


def _absorbing(sample: Sample, i: int, j: int, opposed: Flags) -> int:
    """The reference latent that absorbs the feature of narrow latent i, whose match is j; -1 for none.

    Args:
        opposed: `[n_reference]` latents that can absorb and that i's encoder points away from.
    """
    fires = sample.reference_rows
    own, tokens = _tokens(sample.narrow, i), _tokens(sample.reference, j)
    missed, caught = np.setdiff1d(tokens, own, assume_unique=True), np.intersect1d(tokens, own, assume_unique=True)
    if len(missed) < max(MIN_MISSED_TOKENS, MIN_MISSED * len(tokens)) or not len(caught):
        return -1
    on_missed, on_caught = _shares(fires[missed]), _shares(fires[caught])
    possible = opposed & (on_missed >= MIN_ON_MISSED) & (on_caught <= MAX_RATIO * on_missed)
    possible[j] = False
    return int(np.argmax(np.where(possible, on_missed, -1.0))) if possible.any() else -1


def _tokens(acts: sp.csc_array, latent: int) -> Int32s:
    tokens: Int32s = acts.indices[acts.indptr[latent] : acts.indptr[latent + 1]]
    return tokens


def _shares(acts: sp.csr_array) -> Float64s:
    """`[n]` share of the tokens on which each latent fires."""
    counts: Float64s = np.bincount(acts.indices, minlength=acts.shape[1]) / acts.shape[0]
    return counts

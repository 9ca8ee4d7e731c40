"""The best decoder cosines that chance alone would give."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from app.arrays import Flags, Float32s
from app.scores.cosines import nearest

MAX_INPUTS = 4096
"""Inputs that random directions are mixed from."""

N_RANDOM_DIRECTIONS = 2000
"""Directions drawn for the null: the 95th percentile is then known to about 0.5 points of percentile."""


@dataclass(frozen=True)
class Null:
    """Best cosines of random directions against one decoder.

    Attributes:
        best: `[n_directions]` float32, ascending.
    """

    best: Float32s

    def percentile(self, cosine: Float32s) -> Float32s:
        """Share of random directions whose best cosine is smaller, for each cosine; NaN for NaN."""
        share = np.searchsorted(self.best, cosine, side="left") / len(self.best)
        return np.where(np.isnan(cosine), np.nan, share).astype(np.float32)


def null_of(
    decoder: Float32s,
    alive: Flags,
    *,
    inputs: Float32s | None = None,
    seed: int = 0,
    n_directions: int = N_RANDOM_DIRECTIONS,
) -> Null:
    """Best cosine of random directions against the alive rows of a decoder.

    With many latents a large best cosine is not surprising: random directions reach about 0.31
    against 4,000 rows in 128 dimensions.

    Args:
        inputs: `[m, d_in]` inputs of the SAE: directions are drawn with their covariance then, else
            isotropic. Inputs vary in few directions mostly, and decoder rows lie there too, so that
            this null is the harder one to beat.
    """
    rng = np.random.default_rng(seed)
    if inputs is None:
        directions = rng.standard_normal((n_directions, decoder.shape[1]), dtype=np.float32)
    else:
        # A Gaussian mixture of centred inputs has their covariance, without a matrix of it.
        used = inputs[:: max(1, len(inputs) // MAX_INPUTS)]
        centred = used - used.mean(axis=0)
        directions = rng.standard_normal((n_directions, len(centred)), dtype=np.float32) @ centred
    norms = np.linalg.norm(directions, axis=1, keepdims=True)
    directions /= np.where(norms > 0, norms, 1)
    best = nearest(directions, decoder, alive, 1).cosine[:, 0]
    return Null(np.sort(best))

"""A quick look at how an SAE reconstructs a few rows, before hours are spent on it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from app.activations.stream import ActivationStream
from app.sae.load import LoadedSae
from app.sparse.encode import encode
from app.sparse.work import check_width

N_ROWS = 32
"""32 rows of 128 tokens: 2 s of model time on two cores, explained variance known to about 0.01."""

RELATIVE_ZERO = 1e-12
"""A variance below this share of the squared norms is the rounding of float64 sums."""


@dataclass(frozen=True)
class Reconstruction:
    """An SAE on a sample.

    Attributes:
        n_tokens: tokens of the sample.
        explained_variance: 1 - squared error / variance; None where the activations do not vary.
        l0: active latents a token.
    """

    n_tokens: int
    explained_variance: float | None
    l0: float


def reconstruct_sample(stream: ActivationStream, sae: LoadedSae, n_rows: int = N_ROWS) -> Reconstruction:
    """Encode and decode the first rows of a stream.

    Raises:
        SaeError: the SAE's `d_in` is not the stream's.
    """
    check_width(stream, sae)
    total = np.zeros(stream.d_in)
    squares = residual = 0.0
    n_tokens = n_active = 0
    for batch in stream.batches(0, min(n_rows, len(stream.rows))):
        encoded = encode(sae, batch.acts)
        total += batch.acts.double().sum(dim=0).numpy()
        squares += float(batch.acts.double().square().sum())
        residual += float(encoded.residual[-1])
        n_tokens += len(batch.acts)
        n_active += int(encoded.counts.sum())
    variance = squares - float(total @ total) / max(n_tokens, 1)
    explained = 1 - residual / variance if variance > RELATIVE_ZERO * squares else None
    return Reconstruction(n_tokens, explained, n_active / max(n_tokens, 1))

"""A quick look at how an SAE reconstructs a few rows, before hours are spent on it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from app.activations.batch import ActivationBatch
from app.activations.stream import ActivationStream
from app.sae.load import LoadedSae
from app.sparse.encode import encode
from app.sparse.work import check_width
from app.stats.reconstruction import VarianceExplained

N_ROWS = 32
"""32 rows of 128 tokens: 2 s of model time on two cores, explained variance known to about 0.01."""


@dataclass(frozen=True)
class Reconstruction:
    """An SAE on a sample.

    Attributes:
        n_tokens: tokens of the sample.
        explained_variance: 1 - squared error / variance; None where the activations do not vary.
        l0: active latents per token.
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
    return reconstruct(stream.batches(0, min(n_rows, len(stream.rows))), sae)


def reconstruct(batches: Iterable[ActivationBatch], sae: LoadedSae) -> Reconstruction:
    """Encode and decode some activations of the SAE's width, on the processor."""
    explained = VarianceExplained(1)
    n_active = 0
    for batch in batches:
        on_cpu = batch.acts.cpu()
        encoded = encode(sae, on_cpu)
        acts = on_cpu.double()
        explained.update(len(acts), acts.sum(dim=0).numpy(), float(acts.square().sum()), encoded.residual[-1:])
        n_active += int(encoded.counts.sum())
    found = explained.finalize()
    return Reconstruction(found.n_tokens, found.per_level[-1], n_active / max(found.n_tokens, 1))

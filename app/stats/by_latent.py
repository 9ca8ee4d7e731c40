"""A shard seen from its latents: which tokens a latent fires on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from app.sparse.csr import SparseActs


@dataclass(frozen=True)
class LatentMajor:
    """Entries of a shard sorted by latent, then token (compressed sparse columns).

    Attributes:
        starts: `[n_latents + 1]` int64; latent i has the entries `[starts[i], starts[i + 1])`.
        latent: `[nnz]` int64, ascending.
        token: `[nnz]` int64 index of the shard's token, ascending within a latent.
        value: `[nnz]` float32 activations.
        n_tokens: tokens of the shard.
    """

    starts: NDArray[np.int64]
    latent: NDArray[np.int64]
    token: NDArray[np.int64]
    value: NDArray[np.float32]
    n_tokens: int

    def first_at(self, latent: NDArray[np.int64], token: NDArray[np.int64]) -> NDArray[np.int64]:
        """`[n]` index of the first entry of `latent[k]` on `token[k]` or later (else where it would stand)."""
        keys = self.latent * (self.n_tokens + 1) + self.token
        found: NDArray[np.int64] = np.searchsorted(keys, latent * (self.n_tokens + 1) + token)
        return found

    def values_at(self, latent: NDArray[np.int64], token: NDArray[np.int64]) -> NDArray[np.float32]:
        """`[n]` activation of `latent[k]` on `token[k]`, 0 where it is silent."""
        if not len(self.value):
            return np.zeros(len(latent), dtype=np.float32)
        index = np.minimum(self.first_at(latent, token), len(self.value) - 1)
        hit = (self.latent[index] == latent) & (self.token[index] == token)
        return np.where(hit, self.value[index], np.float32(0))


def by_latent(acts: SparseActs) -> LatentMajor:
    """Sort a shard's entries by latent, keeping the order of tokens."""
    nnz = len(acts.latent)
    entries = sp.csr_array((np.arange(nnz), acts.latent, acts.indptr), shape=(acts.n_tokens, acts.n_latents))
    columns = entries.tocsc()
    starts = columns.indptr.astype(np.int64)
    return LatentMajor(
        starts=starts,
        latent=np.repeat(np.arange(acts.n_latents), np.diff(starts)),
        token=columns.indices.astype(np.int64),
        value=acts.value[columns.data],
        n_tokens=acts.n_tokens,
    )


def expand(starts: NDArray[np.int64], stops: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Write out ranges of indices one after the other.

    Args:
        starts, stops: `[n]`, stop not below start.

    Returns:
        (`[total]` which range, `[total]` index in it).
    """
    length = stops - starts
    owner = np.repeat(np.arange(len(starts)), length)
    before = np.cumsum(length) - length
    return owner, np.arange(len(owner)) + (starts - before)[owner]

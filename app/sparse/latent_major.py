"""A shard seen from its latents: which tokens a latent fires on."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray


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

    @cached_property
    def _keys(self) -> NDArray[np.int64]:
        return self.latent * (self.n_tokens + 1) + self.token

    def first_at(self, latent: NDArray[np.int64], token: NDArray[np.int64]) -> NDArray[np.int64]:
        """`[n]` index of the first entry of `latent[k]` on `token[k]` or later (else where it would stand)."""
        found: NDArray[np.int64] = np.searchsorted(self._keys, latent * (self.n_tokens + 1) + token)
        return found

    def values_at(self, latent: NDArray[np.int64], token: NDArray[np.int64]) -> NDArray[np.float32]:
        """`[n]` activation of `latent[k]` on `token[k]`, 0 where it is silent."""
        if not len(self.value):
            return np.zeros(len(latent), dtype=np.float32)
        index = np.minimum(self.first_at(latent, token), len(self.value) - 1)
        hit = (self.latent[index] == latent) & (self.token[index] == token)
        return np.where(hit, self.value[index], np.float32(0))


def latent_major(
    indptr: NDArray[np.int64], latent: NDArray[np.int32], value: NDArray[np.float32], n_latents: int
) -> LatentMajor:
    """Sort a shard's entries by latent, keeping the order of tokens.

    Args:
        indptr, latent, value: as in `SparseActs`.
    """
    n_tokens = len(indptr) - 1
    entries = sp.csr_array((np.arange(len(latent)), latent, indptr), shape=(n_tokens, n_latents))
    columns = entries.tocsc()
    starts = columns.indptr.astype(np.int64)
    return LatentMajor(
        starts=starts,
        latent=np.repeat(np.arange(n_latents), np.diff(starts)),
        token=columns.indices.astype(np.int64),
        value=value[columns.data],
        n_tokens=n_tokens,
    )

"""Active latents of some tokens, in compressed sparse rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import scipy.sparse as sp
from numpy.typing import DTypeLike, NDArray

from app.errors import ShardError
from app.sparse.latent_major import LatentMajor, latent_major


@dataclass(frozen=True)
class SparseActs:
    """Active latents only, of the scored tokens of some consecutive rows of a text.

    Attributes:
        indptr: `[n_tokens + 1]` int64; token `t` has the entries `[indptr[t], indptr[t + 1])`.
        latent: `[nnz]` int32, ascending within a token.
        value: `[nnz]` float32 activations, > 0.
        row: `[n_tokens]` int64 index of the token's row in the whole text, ascending.
        position: `[n_tokens]` int32 place of the token in its row, ascending within a row.
        n_latents: width of the SAE.

    Raises:
        ShardError: the arrays' lengths do not fit one another.
    """

    indptr: NDArray[np.int64]
    latent: NDArray[np.int32]
    value: NDArray[np.float32]
    row: NDArray[np.int64]
    position: NDArray[np.int32]
    n_latents: int

    def __post_init__(self) -> None:
        n_tokens = len(self.row)
        if len(self.position) != n_tokens or len(self.indptr) != n_tokens + 1:
            raise ShardError(
                f"found {len(self.indptr) - 1} tokens with active latents, {n_tokens} rows and {len(self.position)} "
                "positions; expected the same number of each; delete the shard and run the command again"
            )
        if not len(self.latent) == len(self.value) == self.indptr[-1]:
            raise ShardError(
                f"found {len(self.latent)} latents and {len(self.value)} activations, expected {self.indptr[-1]} of "
                "each; delete the shard and run the command again"
            )

    @property
    def n_tokens(self) -> int:
        """Number of scored tokens."""
        return len(self.row)

    @cached_property
    def by_latent(self) -> LatentMajor:
        """The same entries sorted by latent, then token."""
        return latent_major(self.indptr, self.latent, self.value, self.n_latents)

    def select(self, width: int) -> SparseActs:
        """The first `width` latents only: the prefix of a Matryoshka SAE."""
        inside = self.latent < width
        before = np.concatenate([[0], np.cumsum(inside)])
        return SparseActs(
            indptr=before[self.indptr],
            latent=self.latent[inside],
            value=self.value[inside],
            row=self.row,
            position=self.position,
            n_latents=min(width, self.n_latents),
        )

    def csr(self, dtype: DTypeLike) -> sp.csr_array:
        """`[n_tokens, n_latents]` activations."""
        return self._csr(self.value.astype(dtype))

    def firings(self, dtype: DTypeLike) -> sp.csr_array:
        """`[n_tokens, n_latents]` ones where a latent fires."""
        return self._csr(np.ones(len(self.latent), dtype=dtype))

    def _csr(self, data: NDArray[np.generic]) -> sp.csr_array:
        return sp.csr_array((data, self.latent, self.indptr), shape=(self.n_tokens, self.n_latents))


def concatenate(parts: Sequence[SparseActs]) -> SparseActs:
    """Several shards of one SAE, at least one, as one; in the order given."""
    starts = np.cumsum([0, *(part.indptr[-1] for part in parts)])
    indptr = [part.indptr[:-1] + start for part, start in zip(parts, starts[:-1], strict=True)]
    return SparseActs(
        indptr=np.concatenate([*indptr, starts[-1:]]),
        latent=np.concatenate([part.latent for part in parts]),
        value=np.concatenate([part.value for part in parts]),
        row=np.concatenate([part.row for part in parts]),
        position=np.concatenate([part.position for part in parts]),
        n_latents=parts[0].n_latents,
    )

"""What flows through the pass: rows of tokens, and batches of activations."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray

NO_TOKEN = -1
"""Token id of a place where no token is known (activations without tokens, padding)."""


@dataclass(frozen=True)
class TokenRows:
    """Fixed-length rows of a text, as the model reads them.

    Attributes:
        ids: `[n_rows, row_length]` int32 token ids; `NO_TOKEN` where none is known.
        keep: `[n_rows, row_length]` bool, true where the token is scored. The first position and
            special tokens are never scored: their activations have an outsized norm.
    """

    ids: NDArray[np.int32]
    keep: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def n_kept(self) -> int:
        """Number of scored tokens."""
        return int(self.kept_before[-1])

    @cached_property
    def kept_before(self) -> NDArray[np.int64]:
        """`[n_rows + 1]` number of scored tokens before each row, and last of all rows."""
        return np.concatenate([[0], np.cumsum(self.keep.sum(axis=1))]).astype(np.int64)

    def slice(self, start: int, stop: int) -> TokenRows:
        """Rows `start` to `stop` (exclusive)."""
        return TokenRows(self.ids[start:stop], self.keep[start:stop])

    def limited(self, n_tokens: int) -> TokenRows:
        """The first rows, with exactly `n_tokens` scored tokens (all, if there are fewer)."""
        per_row = self.keep.sum(axis=1)
        total = np.cumsum(per_row)
        if not len(total) or total[-1] <= n_tokens:
            return self
        last = int(np.searchsorted(total, n_tokens))
        keep = self.keep[: last + 1].copy()
        surplus = int(total[last]) - n_tokens
        if surplus:
            keep[last, np.flatnonzero(keep[last])[-surplus:]] = False
        return TokenRows(self.ids[: last + 1], keep)


@dataclass(frozen=True)
class ActivationBatch:
    """Activations of the scored tokens of some rows.

    Attributes:
        acts: `[n, d_in]` float32.
        row: `[n]` int64, index of the token's row in the whole text.
        position: `[n]` int64, place of the token in its row.
        rows: the rows these tokens come from, ids included (for contexts).
        first_row: index in the whole text of `rows`' first row.
    """

    acts: torch.Tensor
    row: NDArray[np.int64]
    position: NDArray[np.int64]
    rows: TokenRows
    first_row: int

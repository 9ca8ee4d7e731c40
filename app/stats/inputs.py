"""A sample of tokens with the SAEs' input and both SAEs' activations."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from app.sparse.csr import SparseActs
from app.stats.checks import expect_same_tokens, expect_width

N_GROUPS = 4
"""Groups of rows: two halves of them tell signal from noise, leaving one out in turn gives an interval."""


@dataclass(frozen=True)
class Sample:
    """Tokens, sorted by group.

    Attributes:
        inputs: `[m, d_in]` float32 input of the SAEs.
        narrow: `[m, n_narrow]`, reference: `[m, n_reference]` float32 activations, sparse by column.
        bounds: `[N_GROUPS + 1]`; group g has the tokens `[bounds[g], bounds[g + 1])`.
    """

    inputs: NDArray[np.float32]
    narrow: sp.csc_array
    reference: sp.csc_array
    bounds: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.inputs)

    def group(self, g: int) -> slice:
        """Tokens of a group."""
        return slice(int(self.bounds[g]), int(self.bounds[g + 1]))

    def group_of(self) -> NDArray[np.int64]:
        """`[m]` group of each token."""
        return np.repeat(np.arange(N_GROUPS), np.diff(self.bounds))


class InputSample:
    """Collects the tokens whose inputs were kept (`app.sparse.inputs`).

    A row of text belongs to the group `row % N_GROUPS`, so that neighbouring tokens stay together.
    """

    def __init__(self, n_narrow: int, n_reference: int, d_in: int) -> None:
        self._widths = n_narrow, n_reference
        self._inputs: list[NDArray[np.float32]] = [np.empty((0, d_in), dtype=np.float32)]
        self._acts: tuple[list[sp.csr_array], list[sp.csr_array]] = ([], [])
        self._row: list[NDArray[np.int64]] = [np.empty(0, dtype=np.int64)]

    def update(
        self, narrow: SparseActs, reference: SparseActs, token: NDArray[np.int64], inputs: NDArray[np.float32]
    ) -> None:
        """Add a shard of each SAE, of the same tokens.

        Args:
            token: `[m]` tokens of the shard whose inputs were kept; inputs: `[m, d_in]` these.
        """
        expect_same_tokens(narrow, reference)
        for acts, width, found in zip((narrow, reference), self._widths, self._acts, strict=True):
            expect_width(acts, width)
            found.append(acts.csr(np.float32)[token])
        self._inputs.append(inputs)
        self._row.append(narrow.row[token])

    def merge(self, other: InputSample) -> None:
        """Add what another sample of the same SAEs collected."""
        self._inputs += other._inputs
        self._row += other._row
        for own, theirs in zip(self._acts, other._acts, strict=True):
            own += theirs

    def finalize(self) -> Sample:
        """The sample, whatever the order of the shards."""
        row = np.concatenate(self._row)
        group = row % N_GROUPS
        order = np.lexsort((np.arange(len(row)), row, group))
        narrow, reference = (
            sp.vstack([sp.csr_array((0, width), dtype=np.float32), *parts], format="csr")[order].tocsc()
            for width, parts in zip(self._widths, self._acts, strict=True)
        )
        bounds = np.concatenate([[0], np.cumsum(np.bincount(group, minlength=N_GROUPS))]).astype(np.int64)
        return Sample(np.concatenate(self._inputs)[order], narrow, reference, bounds)

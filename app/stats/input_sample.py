"""A sample of tokens with the SAEs' input and both SAEs' activations."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import scipy.sparse as sp

from app.arrays import Float32s, Int32s, Int64s
from app.records import BySide, Side
from app.sparse.csr import SparseActs
from app.stats.checks import expect_same_tokens, expect_width

N_GROUPS = 4
"""Groups of rows: two halves of them separate signal from noise, and leaving each out in turn gives an interval."""


@dataclass(frozen=True)
class Sample:
    """Tokens, sorted by group.

    Attributes:
        inputs: `[m, d_in]` float32 input of the SAEs.
        narrow: `[m, n_narrow]`, reference: `[m, n_reference]` float32 activations, sparse by column.
        bounds: `[N_GROUPS + 1]`; group g has the tokens `[bounds[g], bounds[g + 1])`.
        row: `[m]` of each token in the text; position: `[m]` in its row.
    """

    inputs: Float32s
    narrow: sp.csc_array
    reference: sp.csc_array
    bounds: Int64s
    row: Int64s
    position: Int32s

    def __len__(self) -> int:
        return len(self.inputs)

    @cached_property
    def narrow_rows(self) -> sp.csr_array:
        """`narrow`, sparse by row."""
        return self.narrow.tocsr()

    @cached_property
    def reference_rows(self) -> sp.csr_array:
        """`reference`, sparse by row."""
        return self.reference.tocsr()

    def group(self, g: int) -> slice:
        """Tokens of a group."""
        return slice(int(self.bounds[g]), int(self.bounds[g + 1]))


@dataclass(frozen=True)
class _Part:
    """The kept tokens of one group in one shard; the kept ones of the shard begin in `first_row`."""

    first_row: int
    row: Int64s
    position: Int32s
    inputs: Float32s
    acts: BySide[sp.csr_array]


class InputSample:
    """Collects the tokens whose inputs were kept (`app.sparse.inputs`).

    A row of text belongs to the group `row % N_GROUPS`, so that neighbouring tokens stay together.
    """

    def __init__(self, n_latents: BySide[int], d_in: int) -> None:
        self._n_latents, self._d_in = n_latents, d_in
        self._groups: tuple[list[_Part], ...] = tuple([] for _ in range(N_GROUPS))

    def update(self, acts: BySide[SparseActs], token: Int64s, inputs: Float32s) -> None:
        """Add a shard of each SAE, of the same tokens.

        Args:
            token: `[m]` tokens of the shard whose inputs were kept; inputs: `[m, d_in]` these.
        """
        expect_same_tokens(*acts)
        for side, n_latents in self._n_latents.items():
            expect_width(acts[side], n_latents)
        if not len(token):
            return
        matrices = acts.map(lambda each: each.csr(np.float32))
        row = acts.narrow.row
        group = row[token] % N_GROUPS
        for g, parts in enumerate(self._groups):
            chosen = group == g
            kept = token[chosen]
            place = row[kept], acts.narrow.position[kept]
            parts.append(_Part(int(row[token[0]]), *place, inputs[chosen], _rows(matrices, kept)))

    def merge(self, other: InputSample) -> None:
        """Add what another sample of the same SAEs collected."""
        for own, theirs in zip(self._groups, other._groups, strict=True):
            own += theirs

    def finalize(self) -> Sample:
        """The sample, whatever the order of the shards."""
        # Rows ascend within a shard, and no row is in two.
        groups = [sorted(parts, key=lambda part: part.first_row) for parts in self._groups]
        parts = [part for group in groups for part in group]
        bounds = np.cumsum([0, *(sum(len(part.inputs) for part in group) for group in groups)])
        narrow, reference = BySide.of(lambda side: self._joined(parts, side))
        inputs = np.concatenate([np.empty((0, self._d_in), dtype=np.float32), *(part.inputs for part in parts)])
        row = np.concatenate([np.empty(0, dtype=np.int64), *(part.row for part in parts)])
        position = np.concatenate([np.empty(0, dtype=np.int32), *(part.position for part in parts)])
        return Sample(inputs, narrow, reference, bounds.astype(np.int64), row, position)

    def _joined(self, parts: Sequence[_Part], side: Side) -> sp.csc_array:
        """`[m, n_latents]` activations of all parts."""
        empty = sp.csr_array((0, self._n_latents[side]), dtype=np.float32)
        return sp.vstack([empty, *(part.acts[side] for part in parts)], format="csr").tocsc()


def _rows(matrices: BySide[sp.csr_array], tokens: Int64s) -> BySide[sp.csr_array]:
    return matrices.map(lambda matrix: matrix[tokens])

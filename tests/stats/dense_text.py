"""Small dense texts and the shards made from them: the second implementation every statistic is held against."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from hypothesis import strategies as st
from numpy.typing import NDArray

from app.sparse.csr import SparseActs


@dataclass(frozen=True)
class DenseText:
    """Scored tokens of a text, and the activations of two SAEs on them.

    Attributes:
        narrow, reference: `[n_tokens, n_latents]` float32, 0 where silent; multiples of 1/8, so that
            sums are exact and ties are common.
        row, position: `[n_tokens]`.
    """

    narrow: NDArray[np.float32]
    reference: NDArray[np.float32]
    row: NDArray[np.int64]
    position: NDArray[np.int32]

    def shards(self, cuts: Sequence[int] = ()) -> list[tuple[SparseActs, SparseActs]]:
        """Shards of both SAEs; `cuts` are places in the list of rows, in any order."""
        rows = np.unique(self.row)
        ends = [0, *sorted(min(cut, len(rows)) for cut in cuts), len(rows)]
        masks = [np.isin(self.row, rows[a:b]) for a, b in pairwise(ends)]
        return [(self._shard(self.narrow, mask), self._shard(self.reference, mask)) for mask in masks]

    def whole(self) -> tuple[SparseActs, SparseActs]:
        """The text as one shard."""
        return self.shards()[0]

    def _shard(self, acts: NDArray[np.float32], mask: NDArray[np.bool_]) -> SparseActs:
        return to_shard(acts[mask], self.row[mask], self.position[mask])


def to_shard(acts: NDArray[np.float32], row: NDArray[np.int64], position: NDArray[np.int32]) -> SparseActs:
    """The active entries of `[n_tokens, n_latents]` activations."""
    token, latent = np.nonzero(acts)
    return SparseActs(
        indptr=np.concatenate([[0], np.cumsum((acts > 0).sum(axis=1))]),
        latent=latent.astype(np.int32),
        value=acts[token, latent],
        row=row,
        position=position,
        n_latents=acts.shape[1],
    )


def one_row_each(values: Sequence[Sequence[float]]) -> SparseActs:
    """A shard with one token a row, at position 3, from `[n_tokens][n_latents]` activations."""
    acts = np.array(values, dtype=np.float32)
    return to_shard(acts, np.arange(len(acts)), np.full(len(acts), 3, dtype=np.int32))


def make_text(
    seed: int,
    n_rows: int = 7,
    row_length: int = 9,
    n_narrow: int = 5,
    n_reference: int = 11,
    active: float = 0.4,
    kept: float = 0.8,
    levels: int = 11,
) -> DenseText:
    """Random activations of `levels` values; some tokens are not scored, some rows may have no scored token."""
    rng = np.random.default_rng(seed)
    row, position = np.nonzero(rng.random((n_rows, row_length)) < kept)
    acts = []
    for width in (n_narrow, n_reference):
        share = active * rng.choice([0.0, 0.5, 1.0], size=width) if 0 < active < 1 else np.full(width, active)
        fires = rng.random((len(row), width)) < share
        acts.append(np.where(fires, rng.integers(1, levels + 1, fires.shape) / 8, 0).astype(np.float32))
    return DenseText(acts[0], acts[1], 3 + 2 * row, position.astype(np.int32))


@st.composite
def texts(draw: st.DrawFn) -> DenseText:
    """Odd sizes too: one latent, one token, none at all, silent and always active SAEs."""
    return make_text(
        seed=draw(st.integers(0, 2**16)),
        n_rows=draw(st.integers(0, 8)),
        row_length=draw(st.integers(1, 6)),
        n_narrow=draw(st.integers(1, 5)),
        n_reference=draw(st.integers(1, 9)),
        active=draw(st.sampled_from([0.0, 0.2, 0.6, 1.0])),
        kept=draw(st.sampled_from([0.3, 1.0])),
    )


@dataclass(frozen=True)
class Plan:
    """How a text is cut into shards, in which order they come, and who sees them.

    Attributes:
        cuts: places in the list of rows.
        seed: of the order of the shards.
        first: how many shards the first of two accumulators sees.
    """

    cuts: tuple[int, ...]
    seed: int
    first: int

    def run(self, make: Callable[[], Any], text: DenseText, feed: Callable[[Any, SparseActs, SparseActs], None]) -> Any:
        """Feed two accumulators, merge the second into the first, and finalize it."""
        shards = text.shards(self.cuts)
        order = np.random.default_rng(self.seed).permutation(len(shards)).tolist()
        ours, theirs = make(), make()
        for turn, index in enumerate(order):
            feed(ours if turn < self.first else theirs, *shards[index])
        ours.merge(theirs)
        return ours.finalize()


plans = st.builds(
    Plan,
    cuts=st.lists(st.integers(0, 8), max_size=5).map(tuple),
    seed=st.integers(0, 99),
    first=st.integers(0, 6),
)

RICH_TEXT = make_text(seed=40, n_rows=8, active=0.7, levels=500)
"""Few ties, and latents that fire in both halves of `RICH_PLAN`."""
RICH_PLAN = Plan(cuts=(2, 4, 5), seed=1, first=2)


def assert_same(found: Any, expected: Any) -> None:
    """Two results hold the same arrays, to the bit, and of the same types."""
    assert type(found) is type(expected)
    for name, value in vars(expected).items():
        other = getattr(found, name)
        if hasattr(value, "toarray"):
            assert other.dtype == value.dtype, name
            value, other = value.toarray(), other.toarray()
        if isinstance(value, np.ndarray):
            assert other.dtype == value.dtype, name
            np.testing.assert_array_equal(other, value, err_msg=name)
        elif hasattr(value, "__dict__"):
            assert_same(other, value)
        else:
            assert other == value, name

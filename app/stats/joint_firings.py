"""Tokens on which both latents of a pair fire, for a list of chosen pairs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.arrays import Int64s
from app.sparse.csr import SparseActs
from app.sparse.latent_major import LatentMajor
from app.stats.checks import expect_same_tokens, expect_width
from app.stats.index_ranges import expand_ranges
from app.stats.pairs import JointFirings, LatentPairs

TABLE_ENTRIES = 1 << 26
"""Of the table in which firings are looked up, 134 MB: 14,000 tokens of the demo's 4,608 latents."""

WALKED_AT_ONCE = 1 << 17
"""Firings looked up at once: what is made of them stays in the processor's cache."""


@dataclass(frozen=True)
class _Block:
    """Firings of both SAEs on some tokens, as places in one list: all narrow latents', then all reference latents'.

    Attributes:
        first: token of the shard at which the block begins.
        begin, length: `[n_narrow + n_reference]` of each latent's firings in it.
    """

    first: int
    begin: Int64s
    length: Int64s


def _block(narrow: LatentMajor, reference: LatentMajor, first: int, last: int) -> _Block:
    """Firings on tokens `[first, last)`."""
    begin, end = (
        np.concatenate([_firsts(narrow, at), _firsts(reference, at) + len(narrow.token)]) for at in (first, last)
    )
    return _Block(first, begin, end - begin)


def _firsts(entries: LatentMajor, token: int) -> Int64s:
    """`[n_latents]` place of each latent's first firing on a token or later."""
    latents = np.arange(len(entries.starts) - 1)
    return entries.first_at(latents, np.full(len(latents), token))


class JointFinder:
    """Finds the joint firings of some pairs in one shard after the other.

    The firings of the latent of a pair that fires less are walked; those of the other one are looked up in a table of
    all latents and some tokens, which is filled with a shard's firings and emptied again.

    Args:
        n_narrow, n_reference: widths of the SAEs.
    """

    def __init__(self, pairs: LatentPairs, n_narrow: int, n_reference: int) -> None:
        self._n_narrow, self._n_reference = n_narrow, n_reference
        self._narrow, self._reference = pairs.narrow, n_narrow + pairs.reference
        self._table: NDArray[Any] = np.zeros(0, dtype=np.uint16)

    def find(self, narrow: SparseActs, reference: SparseActs) -> JointFirings:
        """Those of a shard of each SAE, of the same tokens.

        Raises:
            ScoringError: the shards are of other SAEs, or not of the same tokens.
        """
        expect_width(narrow, self._n_narrow)
        expect_width(reference, self._n_reference)
        expect_same_tokens(narrow, reference)
        n_tokens, entries = narrow.n_tokens, (narrow.by_latent, reference.by_latent)
        step = self._make_table(n_tokens)
        token = np.concatenate([each.token for each in entries])
        found = [np.empty((3, 0), dtype=np.int64)]
        for first in range(0, n_tokens, step):
            found += self._walk(_block(*entries, first, min(first + step, n_tokens)), token, step)
        pair, of_narrow, of_reference = np.concatenate(found, axis=1)
        if step < n_tokens:
            order = np.argsort(pair, kind="stable")
            pair, of_narrow, of_reference = pair[order], of_narrow[order], of_reference[order]
        return JointFirings(pair, of_narrow, of_reference - len(entries[0].token), *entries)

    def _make_table(self, n_tokens: int) -> int:
        """How many tokens the table holds at a time; it is empty now."""
        n_latents = max(self._n_narrow + self._n_reference, 1)
        step = max(1, min(n_tokens, TABLE_ENTRIES // n_latents))
        # A firing is noted by its place among its latent's, from 1.
        kind = np.uint16 if n_tokens < 1 << 16 else np.uint32
        if len(self._table) < n_latents * step or self._table.dtype != kind:
            self._table = np.zeros(n_latents * step, dtype=kind)
        return step

    def _walk(self, block: _Block, token: Int64s, step: int) -> Iterator[NDArray[np.int64]]:
        """`[3, n]` pair, and places of the two firings, some pairs at a time."""
        owner, place = expand_ranges(block.begin, block.begin + block.length)
        filled = owner * step + token[place] - block.first
        self._table[filled] = place - block.begin[owner] + 1
        rarer = block.length[self._reference] < block.length[self._narrow]
        walked = np.where(rarer, self._reference, self._narrow)
        other = np.where(rarer, self._narrow, self._reference)
        for some in _slices(block.length[walked]):
            pair, of_walked, of_other = self._look_up(block, token, step, walked[some], other[some])
            pair += some.start
            swap = rarer[pair]
            yield np.stack([pair, np.where(swap, of_other, of_walked), np.where(swap, of_walked, of_other)])
        self._table[filled] = 0

    def _look_up(
        self, block: _Block, token: Int64s, step: int, walked: Int64s, other: Int64s
    ) -> tuple[Int64s, Int64s, Int64s]:
        """(pair, place of the firing that is walked, of the other latent's) wherever both fire."""
        length = block.length[walked]
        begin = block.begin[walked]
        place = np.arange(length.sum()) + np.repeat(begin - (np.cumsum(length) - length), length)
        cell = token[place] + np.repeat(other * step - block.first, length)
        noted = self._table[cell]
        hit = np.flatnonzero(noted)
        pair = np.repeat(np.arange(len(walked)), length)[hit]
        return pair, place[hit], block.begin[other[pair]] + noted[hit] - 1


def _slices(n: Int64s) -> Iterator[slice]:
    """Consecutive pairs that have about `WALKED_AT_ONCE` firings to walk."""
    until = np.cumsum(n)
    total = int(until[-1]) if len(until) else 0
    cuts = np.searchsorted(until, np.arange(WALKED_AT_ONCE, total, WALKED_AT_ONCE)) + 1
    bounds = np.unique(np.concatenate([[0], cuts, [len(n)]])).tolist()
    for start, stop in pairwise(bounds):
        yield slice(start, stop)


def joint_firings(narrow: SparseActs, reference: SparseActs, pairs: LatentPairs) -> JointFirings:
    """Those of one shard alone."""
    return JointFinder(pairs, narrow.n_latents, reference.n_latents).find(narrow, reference)

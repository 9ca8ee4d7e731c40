"""Two more passes over the shards: which latents of inner levels stand behind those of outer ones, within each SAE."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from app.executor.local import LocalExecutor
from app.pipeline.passes import AddActs
from app.pipeline.results import Results
from app.progress import Progress
from app.records import SIDES, BySide, LevelLink, Side
from app.scores.level_tree import LevelPairs, level_pairs
from app.sparse.csr import SparseActs
from app.sparse.read import ComparisonShape, ShardReader
from app.stats.co_firing import CoFiring
from app.stats.collect import PAIRS_IN_MEMORY
from app.stats.coverage import Coverage
from app.stats.wide_co_firing import WideCoFiring


@dataclass(frozen=True)
class InnerCoFiring:
    """Counts on how many tokens latents of an SAE fire together with those of its inner levels.

    Attributes:
        side: of the SAE.
        n_inner: latents of all levels but the outermost.
    """

    side: Side
    n_inner: int
    counts: CoFiring | WideCoFiring

    def update(self, acts: BySide[SparseActs]) -> None:
        """Add a shard."""
        own = acts[self.side]
        self.counts.update(own, own.select(self.n_inner))


@dataclass(frozen=True)
class LevelCoverage:
    """Counts how many of a parent's tokens its children explain."""

    side: Side
    counts: Coverage

    def update(self, acts: BySide[SparseActs]) -> None:
        """Add a shard."""
        self.counts.update(acts[self.side])


def level_links(reader: ShardReader, results: Results, progress: Progress) -> Iterator[LevelLink]:
    """The links of each SAE that has several levels, by child and rank; a prefix of the reference has them there."""
    for side in SIDES:
        is_counted_elsewhere = side == "narrow" and results.weights.is_prefix
        if reader.shape.n_levels[side] > 1 and not is_counted_elsewhere:
            yield from _of_side(reader, results, side, progress)


def _of_side(reader: ShardReader, results: Results, side: Side, progress: Progress) -> Iterator[LevelLink]:
    weights, n_firings = results.weights[side], results.statistics.sides[side].firing.n_firings
    n_inner = int((weights.level < weights.level.max()).sum())
    advance = progress(f"parents between levels, {side} SAE", 2 * reader.shape.n_tokens, "tokens")
    counted = InnerCoFiring(side, n_inner, _accumulator(reader.shape, reader.shape.n_latents[side], n_inner))
    table = LocalExecutor().fold(counted, AddActs(reader), reader.shards, progress=advance).counts.finalize()
    pairs = level_pairs(table.n_both, n_firings, table.n_tokens, weights.decoder, weights.level)
    coverage = LevelCoverage(side, Coverage(pairs.child, pairs.parent, len(n_firings)))
    covered = LocalExecutor().fold(coverage, AddActs(reader), reader.shards, progress=advance).counts.finalize()
    yield from _records(side, pairs, n_firings, covered, weights.level)


def _accumulator(shape: ComparisonShape, n_latents: int, n_inner: int) -> CoFiring | WideCoFiring:
    if n_latents * n_inner <= PAIRS_IN_MEMORY:
        return CoFiring(n_latents, n_inner)
    return WideCoFiring(n_latents, n_inner, folder=shape.folder)


def _records(
    side: Side, pairs: LevelPairs, n_firings: np.ndarray, covered: np.ndarray, level: np.ndarray
) -> Iterator[LevelLink]:
    columns = (pairs.child, pairs.parent, pairs.rank, pairs.n_both, pairs.cosine)
    for child, parent, rank, n_both, cosine in zip(*(column.tolist() for column in columns), strict=True):
        n_child, n_parent = int(n_firings[child]), int(n_firings[parent])
        yield LevelLink(
            sae=side,
            child=child,
            parent=parent,
            rank=rank,
            child_level=int(level[child]),
            parent_level=int(level[parent]),
            n_both=n_both,
            n_child=n_child,
            n_parent=n_parent,
            p_parent_given_child=n_both / n_child,
            p_child_given_parent=n_both / n_parent,
            decoder_cosine=cosine,
            explained=int(covered[parent]) / n_parent,
        )

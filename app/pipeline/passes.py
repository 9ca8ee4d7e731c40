"""The first two passes over the shards on disk: what scores need of them. No model is run here."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np

from app.arrays import Float64s, Int64s
from app.executor.base import Executor
from app.executor.local import LocalExecutor
from app.parallel import BoundedQueue, together
from app.pipeline.read import ShardReader
from app.progress import Progress
from app.records import BySide
from app.scores.partner_evidence import PartnerSums
from app.scores.partners import PartnerLists
from app.sparse.shards import Shard
from app.stats.collect import ShardPair, SideStatistics, Statistics, StatisticsCollector
from app.stats.contexts import ChosenContexts, chosen_contexts
from app.stats.pairs import LatentPairs, PairContexts, PairHistograms, PairRows, PairSums, joint_firings
from app.stats.partner_products import PartnerProducts

N_JOINT_BINS = 8
"""Bands of either activation in a pair's joint histogram."""


@dataclass(frozen=True)
class AddShard:
    """Adds a shard to a collector; may be sent to another machine."""

    reader: ShardReader

    def __call__(self, collector: StatisticsCollector, shard: Shard) -> None:
        """Read and add it."""
        collector.update(self.reader.read_one(shard))


def collect_statistics(reader: ShardReader, progress: Progress, executor: Executor | None = None) -> Statistics:
    """First pass: firings, histograms, explained variance, strongest contexts, co-firing and a sample of inputs.

    Args:
        executor: adds up the shards; this process, if None.
    """
    advance = progress("statistics", reader.shape.n_tokens, "tokens")
    empty = StatisticsCollector(reader.shape)
    runs = executor if executor is not None and empty.can_be_merged else LocalExecutor()
    return runs.fold(empty, AddShard(reader), reader.shards, progress=advance).finalize()


@dataclass(frozen=True)
class PartnerCounts:
    """Results of the second pass.

    Attributes:
        sums: what scores need of the partners.
        contexts: of both SAEs' latents.
        pairs: all partner pairs, by narrow latent.
        joint: `[n_pairs, bins, bins]` tokens on which both fire, by the bands of their activations.
        edges: `[d_sae, bins + 1]` of these bands.
        pair_rows: contexts of the pairs.
    """

    sums: PartnerSums
    contexts: BySide[ChosenContexts]
    pairs: LatentPairs
    joint: Int64s
    edges: BySide[Float64s]
    pair_rows: PairRows


class _PartnerCounter:
    """The accumulators of the second pass."""

    def __init__(self, statistics: Statistics, lists: PartnerLists) -> None:
        sides = statistics.sides
        self.pairs = LatentPairs(np.nonzero(lists.valid)[0], lists.partners[lists.valid])
        self.edges = sides.map(lambda side: side.histograms.bands(N_JOINT_BINS))
        self._tops = sides.map(lambda side: side.top)
        self._bands = sides.map(SideStatistics.band_contexts)
        self._sums, self._joint = PairSums(self.pairs), PairHistograms(self.pairs, *self.edges)
        self._rows = PairContexts(self.pairs, *sides.map(lambda side: side.firing.max_activation))
        self._products = PartnerProducts(lists.partners, lists.valid, len(sides.reference.firing.n_firings))

    def update(self, shard: ShardPair, queue: BoundedQueue) -> None:
        """Add a shard."""
        narrow, reference = shard.acts
        # The products are made of many shards at a time: they would hold up each shard in which that happens.
        queue.put(partial(self._products.update, reference))
        both, *_ = together(
            partial(joint_firings, narrow, reference, self.pairs),
            *(partial(self._bands[side].update, acts) for side, acts in shard.acts.items()),
        )
        together(
            partial(self._joint.update, narrow, reference, both),
            partial(self._rows.update, narrow, reference, both),
            partial(self._sums.update, both),
        )

    def finalize(self) -> PartnerCounts:
        """The results."""
        return PartnerCounts(
            sums=PartnerSums(self._sums.finalize(), self._products.finalize()),
            contexts=BySide.of(lambda side: chosen_contexts(self._tops[side], self._bands[side].finalize())),
            pairs=self.pairs,
            joint=self._joint.finalize(),
            edges=self.edges,
            pair_rows=self._rows.finalize(),
        )


def count_partners(
    reader: ShardReader, statistics: Statistics, lists: PartnerLists, progress: Progress
) -> PartnerCounts:
    """Second pass: sums and joint firings of the partner pairs, and contexts of every strength."""
    counter = _PartnerCounter(statistics, lists)
    with BoundedQueue() as queue:
        for shard in reader.read(progress, "partners and contexts"):
            counter.update(shard, queue)
    return counter.finalize()

"""The first two passes over the shards on disk, here or on other machines. No model is run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from app.arrays import Int64s
from app.executor.base import Executor
from app.executor.local import LocalExecutor
from app.parallel import BoundedQueue
from app.progress import Progress
from app.records import BySide
from app.scores.partners import PartnerLists
from app.sparse.csr import SparseActs
from app.sparse.read import ShardReader
from app.sparse.shards import Shard
from app.stats.cells import CellCounter
from app.stats.collect import Statistics, StatisticsCollector
from app.stats.pairs import LatentPairs
from app.stats.partner_counts import PartnerCounter, PartnerCounts


@dataclass(frozen=True)
class AddShard:
    """Adds a shard to a collector; may be sent to another machine."""

    reader: ShardReader

    def __call__(self, collector: StatisticsCollector, shard: Shard) -> None:
        """Read and add it."""
        collector.update(self.reader.read_one(shard))


class ActsCollector(Protocol):
    """What takes in the activations of one shard after the other."""

    def update(self, acts: BySide[SparseActs], /) -> None:
        """Add a shard."""
        ...


@dataclass(frozen=True)
class AddActs:
    """Adds a shard to what only needs its activations."""

    reader: ShardReader

    def __call__(self, collector: ActsCollector, shard: Shard) -> None:
        """Read and add it."""
        collector.update(self.reader.read_one(shard).acts)


def collect_statistics(reader: ShardReader, progress: Progress, executor: Executor | None = None) -> Statistics:
    """The first pass: firings, histograms, explained variance, strongest contexts, co-firing, a sample of inputs.

    Args:
        executor: adds up the shards; this process, if None.
    """
    advance = progress("statistics", reader.shape.n_tokens, "tokens")
    empty = StatisticsCollector(reader.shape)
    runs = executor if executor is not None and empty.can_be_merged else LocalExecutor()
    return runs.fold(empty, AddShard(reader), reader.shards, progress=advance).finalize()


def count_partners(
    reader: ShardReader,
    statistics: Statistics,
    progress: Progress,
    pairs: LatentPairs,
    lists: PartnerLists,
    split_by: Int64s,
) -> PartnerCounts:
    """The second pass: sums and joint firings of the partner pairs, and contexts of every strength and cell.

    Args:
        split_by: `[n_narrow, k]` partners that firings are split by, -1 for none.
    """
    advance = progress("partners and contexts", reader.shape.n_tokens, "tokens")
    with BoundedQueue() as queue:
        cells = CellCounter(pairs, split_by)
        counter = PartnerCounter(statistics, pairs, lists.partners, lists.valid, cells=cells, queue=queue)
        LocalExecutor().fold(counter, AddActs(reader), reader.shards, progress=advance)
    return counter.finalize()

"""The first pass over the shards on disk, here or on other machines. No model is run."""

from __future__ import annotations

from dataclasses import dataclass

from app.executor.base import Executor
from app.executor.local import LocalExecutor
from app.progress import Progress
from app.sparse.read import ShardReader
from app.sparse.shards import Shard
from app.stats.collect import Statistics, StatisticsCollector


@dataclass(frozen=True)
class AddShard:
    """Adds a shard to a collector; may be sent to another machine."""

    reader: ShardReader

    def __call__(self, collector: StatisticsCollector, shard: Shard) -> None:
        """Read and add it."""
        collector.update(self.reader.read_one(shard))


def collect_statistics(reader: ShardReader, progress: Progress, executor: Executor | None = None) -> Statistics:
    """Firings, histograms, explained variance, strongest contexts, co-firing and a sample of inputs.

    Args:
        executor: adds up the shards; this process, if None.
    """
    advance = progress("statistics", reader.shape.n_tokens, "tokens")
    empty = StatisticsCollector(reader.shape)
    runs = executor if executor is not None and empty.can_be_merged else LocalExecutor()
    return runs.fold(empty, AddShard(reader), reader.shards, progress=advance).finalize()

"""All shards in this process."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

from app.activations.stream import ActivationStream
from app.executor.base import ShardWork
from app.executor.device import Device
from app.progress import Advance, unreported
from app.sae.load import LoadedSae
from app.sparse.shards import Shard, ShardStore


def run_shards(
    stream: ActivationStream,
    saes: Sequence[LoadedSae],
    store: ShardStore,
    shards: Sequence[Shard],
    *,
    progress: Advance = unreported,
    device: Device | None = None,
) -> None:
    """Make sure that every shard is in the store for every SAE.

    Existing shards are not computed again, so an interrupted run continues where it stopped.

    Args:
        progress: called with the number of tokens of each shard when it is done.
        device: what SAEs are encoded on; the processor, one shard after the other, if None.

    Raises:
        ExecutorError: the GPU ran out of memory.
    """
    store.describe(stream.description)
    device = device or Device()

    def run_one(shard: Shard) -> Shard:
        device.run_shard(stream, saes, store, shard)
        return shard

    if device.at_once == 1:
        for shard in shards:
            progress(run_one(shard).n_tokens)
        return
    with ThreadPoolExecutor(device.at_once) as pool:
        waiting = deque[Future[Shard]]()
        try:
            for shard in shards:
                waiting.append(pool.submit(run_one, shard))
                if len(waiting) > device.at_once:
                    progress(waiting.popleft().result().n_tokens)
            for future in waiting:
                progress(future.result().n_tokens)
        finally:
            pool.shutdown(cancel_futures=True)


Sum = TypeVar("Sum")


class LocalExecutor:
    """This process.

    Args:
        device: what SAEs are encoded on.
    """

    def __init__(self, device: Device | None = None) -> None:
        self._device = device

    def run_shards(
        self, work: ShardWork, store: ShardStore, shards: Sequence[Shard], *, progress: Advance = unreported
    ) -> None:
        """See `Executor`."""
        run_shards(work.stream, work.saes, store, shards, progress=progress, device=self._device)

    def fold(
        self, empty: Sum, add: Callable[[Sum, Shard], None], shards: Sequence[Shard], *, progress: Advance = unreported
    ) -> Sum:
        """See `Executor`; here the accumulator need not be one that can be merged."""
        for shard in shards:
            add(empty, shard)
            progress(shard.n_tokens)
        return empty

"""Shards as tasks of a Ray cluster.

A task needs only what it is sent: names of model, text, SAEs and storage, and one shard. It opens them itself (once
per process) and writes its result to the storage, so a task that is lost with its machine is run again elsewhere.
Sums over shards are made of partial sums, merged two by two.
"""

from __future__ import annotations

import copy
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import ray
import torch

from app.activations.device import choose_device
from app.activations.stream import ActivationStream
from app.errors import ExecutorError, HedgescopeError, Place
from app.executor.base import Opener, ShardWork, Sum
from app.executor.device import Device
from app.progress import Advance, unreported
from app.sae.load import LoadedSae
from app.sparse.shards import Shard, ShardStore
from app.sparse.work import missing_saes

POLL_S = 1.0
"""Seconds between two looks at whether the run was cancelled."""

TASKS_IN_FLIGHT = 4
"""Tasks per slot of the cluster: enough to keep it busy, few enough to be cancelled quickly."""

SHARDS_A_SUM = 32
"""Shards of one partial sum: about 260,000 tokens, some seconds of work."""


@dataclass(frozen=True)
class Needs:
    """What one task needs of a machine.

    Attributes:
        cpus, gpus: processor cores and GPUs (a part of one is shared); threads follow the cores.
        retries: how often a task is run again after its machine or process was lost.
        device, dtype: what SAEs are encoded on and in, as settings name them.
    """

    cpus: float = 1.0
    gpus: float = 0.0
    retries: int = 5
    device: str = "auto"
    dtype: str = "float32"


class RayExecutor:
    """A Ray cluster: the one `RAY_ADDRESS` names, or one on this machine alone.

    Args:
        needs: of each task.
        address: of the cluster; from `RAY_ADDRESS`, if None.

    Raises:
        ExecutorError: the cluster can't be reached.
    """

    def __init__(self, needs: Needs | None = None, *, address: str | None = None) -> None:
        self._needs = needs or Needs()
        _connect(address)

    def run_shards(
        self, work: ShardWork, store: ShardStore, shards: Sequence[Shard], *, progress: Advance = unreported
    ) -> None:
        """See `Executor`.

        Raises:
            ExecutorError: a task's machine was lost, or ran out of memory, more often than it is tried again.
        """
        if work.opener is None:
            raise ExecutorError(
                "found activations that only this process has, expected a model or a file; use --engine local"
            )
        store.describe(work.stream.description)
        to_do = []
        for shard in shards:
            if missing_saes(store, shard, work.saes):
                to_do.append(shard)
            else:
                progress(shard.n_tokens)
        run_one = self._task(_run_shard)
        opener, key = ray.put(work.opener), work.stream.key
        needs = self._needs
        threads = max(1, int(needs.cpus))
        for shard, _ in self._results(
            to_do, lambda shard: run_one.remote(opener, key, store, shard, threads, needs.device, needs.dtype), progress
        ):
            progress(shard.n_tokens)

    def fold(
        self, empty: Sum, add: Callable[[Sum, Shard], None], shards: Sequence[Shard], *, progress: Advance = unreported
    ) -> Sum:
        """See `Executor`. Partial sums are merged in the order of the shards, so the result is the same every time."""
        parts = [shards[start : start + SHARDS_A_SUM] for start in range(0, len(shards), SHARDS_A_SUM)]
        add_all, merge = self._task(_fold), self._task(_merge)
        shared = ray.put((empty, add))
        sums: dict[int, Any] = {}
        numbered = list(enumerate(parts))
        for (number, part), reference in self._results(
            numbered, lambda each: add_all.remote(shared, each[1]), progress, keep=True
        ):
            sums[number] = reference
            progress(sum(shard.n_tokens for shard in part))
        level = [sums[number] for number in range(len(parts))]
        while len(level) > 1:
            level = [
                merge.remote(*level[i : i + 2]) if i + 1 < len(level) else level[i] for i in range(0, len(level), 2)
            ]
        if not level:
            return empty
        result: Sum = copy.deepcopy(_get(level[0], "the sum over all shards"))
        return result

    def _task(self, function: Callable[..., Any]) -> Any:
        needs = self._needs
        # Errors of the program's own are the same at every try: only lost machines and processes are tried again.
        return ray.remote(function).options(
            num_cpus=needs.cpus, num_gpus=needs.gpus, max_retries=needs.retries, retry_exceptions=False
        )

    def _results(
        self, items: Sequence[Any], start: Callable[[Any], Any], progress: Advance, *, keep: bool = False
    ) -> Any:
        """(item, result) as they come; a few tasks at a time, all cancelled if the caller stops.

        Args:
            keep: whether the results stay in the cluster, and references are handed out; a failed one then
                fails what it is used for.
        """
        waiting = list(reversed(items))
        running: dict[Any, Any] = {}
        try:
            while waiting or running:
                while waiting and len(running) < self._slots():
                    item = waiting.pop()
                    running[start(item)] = item
                done, _ = ray.wait(list(running), timeout=POLL_S, fetch_local=not keep)
                if not done:
                    progress(0)
                for reference in done:
                    item = running.pop(reference)
                    yield item, reference if keep else _get(reference, _named(item))
        finally:
            for reference in running:
                ray.cancel(reference, force=True)

    def _slots(self) -> int:
        """Tasks to have in flight, by what the cluster has now: it may grow and shrink."""
        there = ray.cluster_resources()
        slots = there.get("CPU", 0.0) / self._needs.cpus if self._needs.cpus else 1e9
        if self._needs.gpus:
            slots = min(slots, there.get("GPU", 0.0) / self._needs.gpus)
        return max(1, int(slots)) * TASKS_IN_FLIGHT


def _connect(address: str | None) -> None:
    """Connect this process, once; nothing is reported to anyone and no dashboard is opened."""
    if ray.is_initialized():
        return
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    address = address or os.environ.get("RAY_ADDRESS")
    options: dict[str, Any] = {"address": address} if address else {"address": "local", "include_dashboard": False}
    try:
        ray.init(log_to_driver=False, configure_logging=False, **options)
    except (ConnectionError, RuntimeError, TimeoutError, ValueError) as error:
        raise ExecutorError(
            "can't be reached; check RAY_ADDRESS, or `ray status`",
            place=Place(f"Ray at {address or 'this machine'}", "the Ray cluster"),
            reason=_line(error),
        ) from error


def _get(reference: Any, name: str) -> Any:
    """A task's result, its failure as an error of ours."""
    try:
        return ray.get(reference)
    except ray.exceptions.RayTaskError as error:
        if isinstance(error.cause, HedgescopeError):
            raise error.cause from error
        raise
    except ray.exceptions.OutOfMemoryError as error:
        raise ExecutorError(
            f"{name}: a machine ran out of memory; give each task more cores (HEDGESCOPE_RAY_CPUS_PER_TASK) so that "
            "fewer run at once, then start again: whole shards are kept"
        ) from error
    except ray.exceptions.RayError as error:
        raise ExecutorError(
            f"{name}: lost with its machine or process, and the tries used up; look at `ray status`, then start again: "
            "whole shards are kept",
            reason=f"{type(error).__name__}: {_line(error)}",
        ) from error


def _named(shard: Shard) -> str:
    return f"rows {shard.start} to {shard.stop - 1}"


def _line(error: Exception) -> str:
    return " ".join(str(error).split())[:200] or type(error).__name__


@lru_cache(maxsize=1)
def _opened(opener: Opener) -> tuple[ActivationStream, Sequence[LoadedSae]]:
    """Model and SAEs, kept by the process for its next task."""
    return opener()


def _run_shard(
    opener: Opener, stream_key: str, store: ShardStore, shard: Shard, threads: int, device: str, dtype: str
) -> None:
    """The task: one shard into the storage. Run twice it does the same."""
    torch.set_num_threads(threads)
    stream, saes = _opened(opener)
    if stream.key != stream_key:
        raise ExecutorError(
            "reads another model or text than the machine that started the run; put both on a path that is the same "
            "everywhere",
            place=Place(os.uname().nodename, "a machine of the cluster"),
        )
    _device(device, dtype).run_shard(stream, saes, store, shard)


@lru_cache(maxsize=1)
def _device(name: str, dtype: str) -> Device:
    """The device of this process, with its copies of the SAEs."""
    return Device.of(choose_device(name), getattr(torch, dtype))


def _fold(shared: tuple[Any, Callable[[Any, Shard], None]], shards: Sequence[Shard]) -> Any:
    """The task: a partial sum."""
    empty, add = shared
    # What Ray hands out is shared between processes and can't be written to.
    accumulator = copy.deepcopy(empty)
    for shard in shards:
        add(accumulator, shard)
    return accumulator


def _merge(left: Any, right: Any) -> Any:
    """The task: two partial sums together."""
    merged, other = copy.deepcopy(left), copy.deepcopy(right)
    merged.merge(other)
    return merged

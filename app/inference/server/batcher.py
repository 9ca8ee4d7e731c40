"""Dynamic batching: jobs that come in at about the same time are done together."""

from __future__ import annotations

import asyncio
import math
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from app.errors import WorkerBusyError

Job = TypeVar("Job")
Result = TypeVar("Result")

FIRST_GUESS = 500.0
"""Assumed tokens per second until the first measurement."""

LONGEST_WAIT_S = 60
"""Maximum of the Retry-After that clients get."""


OnBatch = Callable[[int, float, list[float]], None]


@dataclass(frozen=True)
class Limits:
    """How batches are made.

    Attributes:
        tokens: of a batch, with what pads its shorter jobs to the longest one; a longer job goes alone.
        jobs: of a batch.
        wait_s: seconds a job waits for others to join its batch where nothing is being computed.
        waiting_tokens: of all waiting jobs; a job beyond that is refused, unless none waits.
    """

    tokens: int
    jobs: int
    wait_s: float
    waiting_tokens: int


@dataclass
class _Waiting(Generic[Job, Result]):
    job: Job
    n_tokens: int
    result: asyncio.Future[Result]
    since: float = field(default_factory=time.monotonic)


class Batcher(Generic[Job, Result]):
    """Collects jobs into batches and runs one batch at a time.

    Args:
        run: does a batch, in the executor's thread: a result or an exception for each job, in order.
        executor: with one thread.
        limits: of a batch and of the queue.
        on_batch: called after each batch with its tokens, its seconds, and the seconds that each job had waited.

    Attributes:
        n_batches: run so far.
    """

    def __init__(
        self,
        run: Callable[[list[Job]], Sequence[Result | Exception]],
        executor: Executor,
        limits: Limits,
        on_batch: OnBatch | None = None,
    ) -> None:
        self.limits = limits
        self._on_batch = on_batch
        self._run = run
        self._executor = executor
        self._queue: deque[_Waiting[Job, Result]] = deque()
        self._arrived = asyncio.Event()
        self._tokens_per_s = FIRST_GUESS
        self._running_tokens = 0
        self.n_batches = 0

    @property
    def waiting(self) -> tuple[int, int]:
        """(jobs, tokens) that wait."""
        alive = [one for one in self._queue if not one.result.done()]
        return len(alive), sum(one.n_tokens for one in alive)

    async def submit(self, job: Job, n_tokens: int) -> Result:
        """Have a job done. Cancelling the caller takes it out of the queue.

        Args:
            n_tokens: its cost.

        Raises:
            WorkerBusyError: too much waits already.
            Exception: what `run` gave for the job.
        """
        n_jobs, n_waiting = self.waiting
        if n_jobs and n_waiting + n_tokens > self.limits.waiting_tokens:
            raise WorkerBusyError(
                f"{n_jobs} prompts with {n_waiting} tokens wait already, and at most {self.limits.waiting_tokens} "
                "tokens may; try again",
                retry_after_s=self._seconds_for(n_waiting + self._running_tokens),
            )
        waiting: _Waiting[Job, Result] = _Waiting(job, n_tokens, asyncio.get_running_loop().create_future())
        self._queue.append(waiting)
        self._arrived.set()
        return await waiting.result

    async def serve(self) -> None:
        """Run batches until cancelled."""
        try:
            while True:
                await self._next_arrival()
                batch = self._take()
                if batch:
                    await self._do(batch)
        finally:
            for one in self._queue:
                one.result.cancel()

    async def _next_arrival(self) -> None:
        """Wait for a job and, if the queue was empty, a little longer for others."""
        if self._queue:
            return
        self._arrived.clear()
        await self._arrived.wait()
        if self.limits.jobs > 1:
            deadline = time.monotonic() + self.limits.wait_s
            while (left := deadline - time.monotonic()) > 0 and not self._is_full():
                self._arrived.clear()
                try:
                    await asyncio.wait_for(self._arrived.wait(), left)
                except TimeoutError:
                    return

    def _is_full(self) -> bool:
        n_jobs, n_tokens = self.waiting
        return n_jobs >= self.limits.jobs or n_tokens >= self.limits.tokens

    def _take(self) -> list[_Waiting[Job, Result]]:
        """The job that has waited longest, and of the others, in order, those that fit in its batch."""
        batch: list[_Waiting[Job, Result]] = []
        left: deque[_Waiting[Job, Result]] = deque()
        longest = 0
        for one in self._queue:
            if one.result.done():
                continue  # its client has left
            padded = max(longest, one.n_tokens) * (len(batch) + 1)
            if batch and (len(batch) >= self.limits.jobs or padded > self.limits.tokens):
                left.append(one)
                continue
            batch.append(one)
            longest = max(longest, one.n_tokens)
        self._queue = left
        return batch

    async def _do(self, batch: list[_Waiting[Job, Result]]) -> None:
        self.n_batches += 1
        self._running_tokens = sum(one.n_tokens for one in batch)
        started = time.monotonic()
        waited = [started - one.since for one in batch]
        jobs = [one.job for one in batch]
        try:
            results = await asyncio.get_running_loop().run_in_executor(self._executor, self._run, jobs)
        except asyncio.CancelledError:
            for one in batch:
                one.result.cancel()
            raise
        except Exception as error:  # noqa: BLE001 - raised again in those who wait
            results = [error] * len(batch)
        taken = max(time.monotonic() - started, 1e-6)
        # The mean of this batch and of all before it, the newest counting most.
        self._tokens_per_s += 0.3 * (self._running_tokens / taken - self._tokens_per_s)
        if self._on_batch is not None:
            self._on_batch(self._running_tokens, taken, waited)
        self._running_tokens = 0
        for one, result in zip(batch, results, strict=True):
            if one.result.done():
                continue
            if isinstance(result, Exception):
                one.result.set_exception(result)
            else:
                one.result.set_result(result)

    def _seconds_for(self, n_tokens: int) -> int:
        return min(LONGEST_WAIT_S, max(1, math.ceil(n_tokens / self._tokens_per_s)))

"""Who is batched with whom, who is refused, who is dropped."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager

import pytest

from app.errors import WorkerBusyError
from app.inference.server.batcher import Batcher, Limits
from tests.waiting import wait_until_async

ROOMY = Limits(tokens=1000, jobs=8, wait_s=0.05, waiting_tokens=1000)


class Doubler:
    """Doubles numbers; keeps the batches; waits for its gate."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.gate = threading.Event()
        self.gate.set()

    def __call__(self, jobs: list[int]) -> Sequence[int | Exception]:
        self.batches.append(jobs)
        assert self.gate.wait(20)
        return [ValueError(f"job {job}") if job < 0 else 2 * job for job in jobs]


@asynccontextmanager
async def running(run: Doubler, limits: Limits) -> AsyncIterator[Batcher[int, int]]:
    with ThreadPoolExecutor(1) as executor:
        batcher: Batcher[int, int] = Batcher(run, executor, limits)
        serving = asyncio.create_task(batcher.serve())
        try:
            yield batcher
        finally:
            run.gate.set()
            serving.cancel()
            await asyncio.gather(serving, return_exceptions=True)


def test_jobs_that_come_together_are_done_together() -> None:
    async def scenario() -> None:
        run = Doubler()
        async with running(run, ROOMY) as batcher:
            assert await asyncio.gather(*(batcher.submit(job, 10) for job in range(5))) == [0, 2, 4, 6, 8]
        assert run.batches == [[0, 1, 2, 3, 4]]

    asyncio.run(scenario())


def test_padding_counts() -> None:
    """A long job and a short one cost two long ones: the short ones wait for one another instead."""

    async def scenario() -> None:
        run = Doubler()
        limits = Limits(tokens=100, jobs=8, wait_s=0.05, waiting_tokens=1000)
        async with running(run, limits) as batcher:
            jobs = {1: 60, 2: 10, 3: 30, 4: 60}
            await asyncio.gather(*(batcher.submit(job, cost) for job, cost in jobs.items()))
        assert run.batches == [[1], [2, 3], [4]]

    asyncio.run(scenario())


def test_a_job_that_is_longer_than_a_batch_goes_alone() -> None:
    async def scenario() -> None:
        run = Doubler()
        async with running(run, Limits(tokens=50, jobs=8, wait_s=0.02, waiting_tokens=1000)) as batcher:
            await asyncio.gather(batcher.submit(1, 500), batcher.submit(2, 10))
        assert run.batches == [[1], [2]]

    asyncio.run(scenario())


def test_one_failure_is_one_jobs() -> None:
    async def scenario() -> None:
        run = Doubler()
        async with running(run, ROOMY) as batcher:
            found = await asyncio.gather(*(batcher.submit(job, 1) for job in (1, -2, 3)), return_exceptions=True)
        assert [str(one) for one in found] == ["2", "job -2", "6"]
        assert run.batches == [[1, -2, 3]]

    asyncio.run(scenario())


def test_too_much_waiting_is_refused_with_a_time() -> None:
    async def scenario() -> None:
        run = Doubler()
        run.gate.clear()
        async with running(run, Limits(tokens=100, jobs=1, wait_s=0, waiting_tokens=100)) as batcher:
            first = asyncio.create_task(batcher.submit(1, 100))
            await wait_until_async(lambda: run.batches == [[1]])
            second = asyncio.create_task(batcher.submit(2, 90))
            await wait_until_async(lambda: batcher.waiting == (1, 90))
            with pytest.raises(WorkerBusyError, match=r"1 prompts with 90 tokens wait.*at most 100") as caught:
                await batcher.submit(3, 20)
            assert caught.value.retry_after_s >= 1
            third = asyncio.create_task(batcher.submit(4, 10))
            run.gate.set()
            assert list(await asyncio.gather(first, second, third)) == [2, 4, 8]
        assert list(run.batches) == [[1], [2], [4]]

    asyncio.run(scenario())


def test_a_caller_that_leaves_frees_its_place_and_is_never_run() -> None:
    async def scenario() -> None:
        run = Doubler()
        run.gate.clear()
        async with running(run, Limits(tokens=100, jobs=4, wait_s=0, waiting_tokens=100)) as batcher:
            first = asyncio.create_task(batcher.submit(1, 100))
            await wait_until_async(lambda: run.batches == [[1]])
            leaver = asyncio.create_task(batcher.submit(2, 100))
            await wait_until_async(lambda: batcher.waiting == (1, 100))
            leaver.cancel()
            await asyncio.gather(leaver, return_exceptions=True)
            assert batcher.waiting == (0, 0)
            third = asyncio.create_task(batcher.submit(3, 100))
            run.gate.set()
            assert list(await asyncio.gather(first, third)) == [2, 6]
        assert list(run.batches) == [[1], [3]]

    asyncio.run(scenario())


def test_a_caller_that_leaves_while_its_batch_runs_disturbs_nobody() -> None:
    async def scenario() -> None:
        run = Doubler()
        run.gate.clear()
        async with running(run, ROOMY) as batcher:
            staying, leaving = (asyncio.create_task(batcher.submit(job, 1)) for job in (1, 2))
            await wait_until_async(lambda: run.batches == [[1, 2]])
            leaving.cancel()
            run.gate.set()
            assert await staying == 2
            assert await batcher.submit(5, 1) == 10

    asyncio.run(scenario())


def test_what_still_waits_at_the_end_is_cancelled() -> None:
    async def scenario() -> tuple[asyncio.Task[int], asyncio.Task[int]]:
        run = Doubler()
        run.gate.clear()
        async with running(run, Limits(tokens=1, jobs=1, wait_s=0, waiting_tokens=100)) as batcher:
            first = asyncio.create_task(batcher.submit(1, 1))
            await wait_until_async(lambda: run.batches == [[1]])
            waiting = asyncio.create_task(batcher.submit(2, 1))
            await wait_until_async(lambda: batcher.waiting == (1, 1))
        await asyncio.gather(first, waiting, return_exceptions=True)
        assert run.batches == [[1]], "what waits is never begun"
        assert batcher.waiting == (0, 0)
        return first, waiting

    assert [task.cancelled() for task in asyncio.run(scenario())] == [True, True]

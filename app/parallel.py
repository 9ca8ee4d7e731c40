"""Run independent work on several processors.

Each call has threads of its own, so that calls can be nested: none waits for a thread that another one holds.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from typing import Any, Self, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")

N_AHEAD = 4
"""Results that may be computed, or wait, before they are requested."""


def together(*tasks: Callable[[], Any]) -> list[Any]:
    """The results of tasks that change nothing they share. Their sums and sorts hold no lock, so they run in parallel.

    Raises:
        Exception: what the first task that failed raised, when all are done.
    """
    with ThreadPoolExecutor(os.cpu_count(), thread_name_prefix="together") as pool:
        futures = [pool.submit(task) for task in tasks]
    return [future.result() for future in futures]


class BoundedQueue:
    """Runs tasks in order on a thread of their own, while the caller continues: for tasks of very different length.

    Leaving its `with` block waits for all of them, and raises what the first one that failed raised.
    """

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="queue")
        self._waiting = deque[Future[Any]]()

    def put(self, task: Callable[[], Any]) -> None:
        """Append a task. Waits where a few tasks are waiting already. Raises what an earlier task raised."""
        if len(self._waiting) >= N_AHEAD:
            self._waiting.popleft().result()
        self._waiting.append(self._pool.submit(task))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._pool.shutdown(cancel_futures=kind is not None)
        if kind is None:
            for future in self._waiting:
                future.result()


def ahead(function: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[Result]:
    """`map` that begins at once, and computes a few results more than were requested."""
    pool = ThreadPoolExecutor(os.cpu_count(), thread_name_prefix="ahead")
    rest = iter(items)
    waiting = deque(pool.submit(function, item) for item in islice(rest, N_AHEAD))
    return _in_order(pool, function, rest, waiting)


def _in_order(
    pool: ThreadPoolExecutor,
    function: Callable[[Item], Result],
    rest: Iterator[Item],
    waiting: deque[Future[Result]],
) -> Iterator[Result]:
    with pool:
        while waiting:
            result = waiting.popleft().result()
            waiting.extend(pool.submit(function, item) for item in islice(rest, 1))
            yield result

"""Work on different things at the same time."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from functools import cache
from itertools import islice
from typing import Any, Self, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")

N_AHEAD = 4
"""Things that may be under way, or wait until they are asked for."""


def together(*tasks: Callable[[], Any]) -> list[Any]:
    """The results of some tasks that share nothing they change; the sums and sorts they spend their time in need no
    lock.

    Raises:
        Exception: what the first task that failed raised, when all are done.
    """
    futures = [_pool().submit(task) for task in tasks]
    wait(futures)
    return [future.result() for future in futures]


class BoundedQueue:
    """Work done one thing after the other, beside everything else: for things of very different length.

    Leaving its `with` block waits for all of it, and raises what the first thing that failed raised.
    """

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="line")
        self._waiting = deque[Future[Any]]()

    def put(self, task: Callable[[], Any]) -> None:
        """Let it be done next; waits where a few things are to be done already. Raises what one before raised."""
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
    """`map` that begins at once, and works on a few results more than it was asked for."""
    rest = iter(items)
    waiting = deque(_pool().submit(function, item) for item in islice(rest, N_AHEAD))
    return _in_order(function, rest, waiting)


def _in_order(
    function: Callable[[Item], Result], rest: Iterator[Item], waiting: deque[Future[Result]]
) -> Iterator[Result]:
    while waiting:
        result = waiting.popleft().result()
        waiting.extend(_pool().submit(function, item) for item in islice(rest, 1))
        yield result


@cache
def _pool() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(os.cpu_count(), thread_name_prefix="together")

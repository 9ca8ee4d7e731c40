"""Work on different things at the same time."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache


def together(*tasks: Callable[[], object]) -> None:
    """Do all of some tasks that share nothing they change; the sums and sorts they spend their time in need no lock.

    Raises:
        Exception: what the first task that failed raised, when all are done.
    """
    futures = [_pool().submit(task) for task in tasks]
    for error in [future.exception() for future in futures]:
        if error is not None:
            raise error


@cache
def _pool() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(os.cpu_count(), thread_name_prefix="together")

"""The only place where tests let time pass: everything else waits for a condition."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import TypeVar

Found = TypeVar("Found")

PATIENCE_S = 240.0
"""A busy machine is not a failure."""


def wait_until(
    condition: Callable[[], Found],
    *,
    timeout_s: float = PATIENCE_S,
    every_s: float = 0.01,
    report: Callable[[], object] = lambda: "",
) -> Found:
    """Ask again and again until the answer is true; for what another thread or process does.

    Args:
        report: what the failure shows.

    Returns:
        The answer.

    Raises:
        AssertionError: it was not true within `timeout_s`.
    """
    deadline = time.monotonic() + timeout_s
    while not (found := condition()):
        assert time.monotonic() < deadline, f"not within {timeout_s:g} s: {report()}"
        time.sleep(every_s)
    return found


async def wait_until_async(condition: Callable[[], Found], *, timeout_s: float = PATIENCE_S) -> Found:
    """`wait_until` that lets the event loop run."""
    deadline = time.monotonic() + timeout_s
    while not (found := condition()):
        assert time.monotonic() < deadline, f"not within {timeout_s:g} s"
        await asyncio.sleep(0.01)
    return found


def take_time(seconds: float) -> None:
    """Work that takes its time, or the random moment at which a test kills something; never a wait for something."""
    time.sleep(seconds)

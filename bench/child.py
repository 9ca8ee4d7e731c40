"""Work in a process of its own, so that its peak memory is its own."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Any


class ChildDiedError(Exception):
    """The process ended without a result, for instance because the system took its memory back."""


def in_fresh_process(work: Callable[..., Any], *args: Any) -> Any:
    """What `work(*args)` returns in a new process. Function, arguments and result must be picklable.

    Raises:
        ChildDiedError: the process ended without a result; the message has its exit code.
    """
    context = multiprocessing.get_context("spawn")
    receive, send = context.Pipe(duplex=False)
    child = context.Process(target=_run, args=(send, work, args))
    child.start()
    # Only the child holds its end now: when it dies, waiting ends.
    send.close()
    try:
        return receive.recv()
    except EOFError:
        child.join()
        raise ChildDiedError(f"exit code {child.exitcode}") from None
    finally:
        child.join()


def _run(answer: Connection, work: Callable[..., Any], args: tuple[Any, ...]) -> None:
    answer.send(work(*args))

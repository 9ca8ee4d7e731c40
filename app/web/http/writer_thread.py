"""Changes of the database, in a thread of their own."""

from __future__ import annotations

from collections.abc import Callable
from typing import ParamSpec, TypeVar

from anyio import CapacityLimiter, to_thread
from starlette.requests import Request

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")


async def writing_apart(
    request: Request, change: Callable[Arguments, Result], *arguments: Arguments.args, **_none: Arguments.kwargs
) -> Result:
    """Call a function that writes, so that waiting writers do not occupy the threads of pages."""
    state = request.app.state
    if not hasattr(state, "writers"):
        state.writers = CapacityLimiter(1)
    return await to_thread.run_sync(change, *arguments, limiter=state.writers)

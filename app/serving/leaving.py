"""Work that ends when the client leaves."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, Final, TypeVar

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

CLIENT_LEFT: Final = 499
"""The client has left; the status is for access logs only."""

Answer = TypeVar("Answer")


async def unless_left(request: Request, work: Coroutine[Any, Any, Answer]) -> Answer:
    """The result of `work`, which is cancelled when the client leaves.

    Args:
        request: the client's, its body read already.

    Raises:
        ClientDisconnect: the client has left.
    """
    working = asyncio.ensure_future(work)
    leaving = asyncio.ensure_future(_left(request))
    try:
        await asyncio.wait({working, leaving}, return_when=asyncio.FIRST_COMPLETED)
        if not working.done():
            raise ClientDisconnect
        return working.result()
    finally:
        for task in (working, leaving):
            task.cancel()
        # Let both end before the request does.
        await asyncio.gather(working, leaving, return_exceptions=True)


async def answer_nobody(_request: Request, _error: Exception) -> Response:
    """The handler of ClientDisconnect."""
    return Response(status_code=CLIENT_LEFT)


async def _left(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass

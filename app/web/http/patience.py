"""Reads end when their client leaves, or when they take too long."""

from __future__ import annotations

import asyncio
from typing import Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.store.patience import Patience, patience

READS: Final = frozenset({"GET", "HEAD"})

NO_BODY: Final[Message] = {"type": "http.request", "body": b"", "more_body": False}
LEFT: Final[Message] = {"type": "http.disconnect"}


class ReadsEnd:
    """ASGI middleware that stops the queries of a read when its time is over or its client has left.

    Requests with a body are left alone: a change is finished even if its client has left.

    Args:
        app: the application to pass requests on to.
        limit_s: seconds that one look into the database may take.
    """

    def __init__(self, app: ASGIApp, limit_s: float) -> None:
        self.app = app
        self._limit_s = limit_s

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, and listen for the end of its connection meanwhile."""
        if scope["type"] != "http" or scope["method"] not in READS:
            await self.app(scope, receive, send)
            return
        client = _Client(receive, Patience(self._limit_s))
        listening = asyncio.ensure_future(client.listen())
        try:
            with patience(client.patience):
                await self.app(scope, client.receive, send)
        finally:
            listening.cancel()


class _Client:
    """One client, listened to in one place: the application asks here whether it is still there."""

    def __init__(self, receive: Receive, wanted: Patience) -> None:
        self.patience = wanted
        self._receive = receive
        self._is_begun = False
        self._left = asyncio.Event()

    async def listen(self) -> None:
        """Wait until the client leaves; then end its patience, in a thread since a database may have to be called.

        Not in one of those that run routes: all of them may be busy with what has to end.
        """
        while (await self._receive())["type"] != "http.disconnect":
            pass
        self._left.set()
        await asyncio.to_thread(self.patience.end)

    async def receive(self) -> Message:
        """The request's empty body, then nothing until the client leaves."""
        if not self._is_begun:
            self._is_begun = True
            return NO_BODY
        await self._left.wait()
        return LEFT

"""A limit on the size of what clients send, and on the time they take for it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import anyio
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.serving.metrics import RequestMetrics

READ_TIMEOUT_S: Final = 30
"""For a whole body: at 1 MiB a line of 300 kbit/s is quick enough."""

DRAINED_BYTES: Final = 32 * 1024 * 1024
"""Of a body that is too large, so much is read and thrown away before the answer. A client that is still sending when
the connection is closed would see that it broke, and never the answer."""

Refusal = Callable[[Request, int, str, str], Response]
"""Makes an answer of the request, a status, a kind of problem (`too-large`, `too-slow`) and a sentence."""


class BodyLimit:
    """ASGI middleware: reads a body before the application sees its request, and refuses what is too large or too slow.

    Args:
        app: what to pass requests on to.
        max_bytes: largest body that is passed on.
        refuse: makes the answer to others.
        metrics: where refusals are counted.
        timeout_s: for reading a body.
    """

    def __init__(
        self,
        app: ASGIApp,
        max_bytes: int,
        refuse: Refusal,
        metrics: RequestMetrics,
        timeout_s: float = READ_TIMEOUT_S,
    ) -> None:
        self.app = app
        self._max_bytes = max_bytes
        self._refuse = refuse
        self._metrics = metrics
        self._timeout_s = timeout_s

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on with its body read; answer 413 or 408 to one whose body is too large or too slow."""
        if scope["type"] != "http" or not _has_body(scope):
            await self.app(scope, receive, send)
            return
        body: Message | None = None
        problem = (408, "too-slow", f"the request's body did not arrive within {self._timeout_s:g} s")
        with anyio.move_on_after(self._timeout_s):
            body = await _read(receive, self._max_bytes)
            if body is None:
                problem = self._too_large(scope)
        if body is None:
            self._metrics.refused.labels(problem[1]).inc()
            await self._refuse(Request(scope), *problem)(scope, receive, send)
            return
        await self.app(scope, _replaying(body, receive), send)

    def _too_large(self, scope: Scope) -> tuple[int, str, str]:
        announced = Headers(scope=scope).get("content-length")
        size = f"{int(announced):,} bytes" if announced and announced.isdecimal() else "more"
        return 413, "too-large", f"the request's body has {size}; at most {self._max_bytes:,} bytes are taken"


def _has_body(scope: Scope) -> bool:
    headers = Headers(scope=scope)
    return "transfer-encoding" in headers or headers.get("content-length", "0") != "0"


async def _read(receive: Receive, max_bytes: int) -> Message | None:
    """The whole body as one message, or what came in its place; None if it is too large."""
    parts: list[bytes] = []
    size = 0
    while size <= max_bytes + DRAINED_BYTES:
        message = await receive()
        if message["type"] != "http.request":
            return message
        part = message.get("body", b"")
        size += len(part)
        if size <= max_bytes:
            parts.append(part)
        else:
            parts.clear()
        if not message.get("more_body", False):
            break
    return {"type": "http.request", "body": b"".join(parts), "more_body": False} if size <= max_bytes else None


def _replaying(body: Message, receive: Receive) -> Receive:
    is_sent = False

    async def replay() -> Message:
        nonlocal is_sent
        if is_sent:
            return await receive()
        is_sent = True
        return body

    return replay

"""Limits on the size of bodies and on the time that clients take to send them.

FastAPI's own limit (`max_body_size`) has no time limit, and answers while the client still sends: see decision 0008.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

import anyio
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.serving.metrics import RequestMetrics

READ_TIMEOUT_S: Final = 30
"""For a whole body: 300 kbit/s are enough for 1 MiB."""

DRAINED_BYTES: Final = 32 * 1024 * 1024
"""How much of a body that is too large is read and dropped before the answer. A client that is still sending when the
connection is closed sees a broken connection and never the answer."""

CLOSE = {"Connection": "close"}
"""For an answer to a request whose body was not read to its end: what still arrives is not a new request."""

Refusal = Callable[[Request, int, str, str], Response]
"""Makes an answer of the request, a status, a kind of problem (`too-large`, `too-slow`) and a sentence."""


class BodyRefused(Exception):
    """A body that is refused.

    Args:
        status: of HTTP: 413 or 408.
        kind: `too-large` or `too-slow`.
        detail: one sentence: what was found and what is accepted.
        is_read: whether the client has nothing more to send.
    """

    def __init__(self, status: int, kind: str, detail: str, *, is_read: bool) -> None:
        super().__init__(detail)
        self.status, self.kind, self.detail, self.is_read = status, kind, detail, is_read


class BodyLimit:
    """ASGI middleware that reads a body before the application sees its request, and refuses large and slow ones.

    Args:
        app: the application to pass requests on to.
        max_bytes: largest body that is passed on.
        refuse: makes the answer to others.
        metrics: where refusals are counted.
        timeout_s: for reading a body.
        streamed: path -> largest body, of requests whose body the application reads as it arrives.
    """

    def __init__(
        self,
        app: ASGIApp,
        max_bytes: int,
        refuse: Refusal,
        metrics: RequestMetrics,
        timeout_s: float = READ_TIMEOUT_S,
        streamed: Mapping[str, int] = MappingProxyType({}),
    ) -> None:
        self.app = app
        self._streamed = streamed
        self._max_bytes = max_bytes
        self._refuse = refuse
        self._metrics = metrics
        self._timeout_s = timeout_s

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on with its body read; answer 413 or 408 to one whose body is too large or too slow."""
        if scope["type"] != "http" or not _has_body(scope):
            await self.app(scope, receive, send)
            return
        most = self._streamed.get(scope["path"]) if scope["method"] == "POST" else None
        try:
            if most is not None:
                await _check_length(scope, receive, most)
                await self.app(scope, _patient(receive, self._timeout_s), send)
                return
            body = await read_body(scope, receive, self._max_bytes, self._timeout_s)
        except BodyRefused as refused:
            self._metrics.refused.labels(refused.kind).inc()
            answer = self._refuse(Request(scope), refused.status, refused.kind, refused.detail)
            answer.headers.update({} if refused.is_read else CLOSE)
            await answer(scope, receive, send)
            return
        await self.app(scope, _replaying(body, receive), send)


async def read_body(scope: Scope, receive: Receive, max_bytes: int, timeout_s: float = READ_TIMEOUT_S) -> Message:
    """A request's whole body as one message, or the message that came instead, such as the end of the connection.

    Args:
        max_bytes: largest body that is accepted.
        timeout_s: for all of it.

    Raises:
        BodyRefused: it is too large or too slow.
    """
    with anyio.move_on_after(timeout_s):
        return await _read(scope, receive, max_bytes)
    detail = f"the request's body did not arrive within {timeout_s:g} s"
    raise BodyRefused(408, "too-slow", detail, is_read=False)


async def _check_length(scope: Scope, receive: Receive, max_bytes: int) -> None:
    """Refuse a body that is too large, or whose size is not known before it is read. Raises BodyRefused."""
    announced = Headers(scope=scope).get("content-length", "")
    if not announced.isdecimal():
        detail = "the request does not say how many bytes its body has; send it with Content-Length"
        raise BodyRefused(411, "too-large", detail, is_read=False)
    if int(announced) > max_bytes:
        await _drain(receive)
        detail = f"the request's body has {int(announced):,} bytes; at most {max_bytes:,} bytes are taken"
        raise BodyRefused(413, "too-large", detail, is_read=False)


async def _drain(receive: Receive) -> None:
    size, is_more = 0, True
    with anyio.move_on_after(READ_TIMEOUT_S):
        while is_more and size <= DRAINED_BYTES:
            message = await receive()
            size += len(message.get("body", b""))
            is_more = message.get("more_body", False)


def _patient(receive: Receive, timeout_s: float) -> Receive:
    """A client that sends nothing for so long counts as gone."""

    async def receive_soon() -> Message:
        with anyio.move_on_after(timeout_s):
            return await receive()
        return {"type": "http.disconnect"}

    return receive_soon


def _has_body(scope: Scope) -> bool:
    headers = Headers(scope=scope)
    return "transfer-encoding" in headers or headers.get("content-length", "0") != "0"


async def _read(scope: Scope, receive: Receive, max_bytes: int) -> Message:
    parts: list[bytes] = []
    size, is_more = 0, True
    while is_more and size <= max_bytes + DRAINED_BYTES:
        message = await receive()
        if message["type"] != "http.request":
            return message
        part = message.get("body", b"")
        size += len(part)
        if size <= max_bytes:
            parts.append(part)
        else:
            parts.clear()
        is_more = message.get("more_body", False)
    if size > max_bytes:
        announced = Headers(scope=scope).get("content-length", "")
        found = f"{int(announced):,}" if announced.isdecimal() else f"{'more than ' if is_more else ''}{size:,}"
        detail = f"the request's body has {found} bytes; at most {max_bytes:,} bytes are taken"
        raise BodyRefused(413, "too-large", detail, is_read=not is_more)
    return {"type": "http.request", "body": b"".join(parts), "more_body": False}


def _replaying(body: Message, receive: Receive) -> Receive:
    is_sent = False

    async def replay() -> Message:
        nonlocal is_sent
        if is_sent:
            return await receive()
        is_sent = True
        return body

    return replay

"""A name for each request, and the answer to those that fail unexpectedly."""

from __future__ import annotations

import logging
import re
from typing import Final
from uuid import uuid4

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.web.errors import problem_response, unexpected

HEADER: Final = "X-Request-ID"
USABLE = re.compile(r"[A-Za-z0-9._-]{1,64}")
"""Ids that are taken over from the client or a proxy; others could forge lines of the log."""

log = logging.getLogger(__name__)


class RequestIds:
    """ASGI middleware: an id for every request, in the response's `X-Request-ID` and in the log of a failure.

    An exception that nothing else answered becomes a problem document that tells the id and nothing of the inside.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on; answer with status 500 where that fails before a response has started."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        request_id = _request_id(Headers(scope=scope).get(HEADER))
        scope.setdefault("state", {})["request_id"] = request_id
        has_started = False

        async def send_with_id(message: Message) -> None:
            nonlocal has_started
            if message["type"] == "http.response.start":
                has_started = True
                MutableHeaders(scope=message)[HEADER] = request_id
            await send(message)

        try:
            await self.app(scope, receive, send_with_id)
        except Exception:
            if has_started:
                raise
            log.exception("request %s failed: %s %r", request_id, scope["method"], scope["path"])
            response = problem_response(Request(scope), unexpected(request_id))
            await response(scope, receive, send_with_id)


def _request_id(given: str | None) -> str:
    return given if given is not None and USABLE.fullmatch(given) else uuid4().hex

"""Every request gets an id, a line in the log and a place in the metrics; a failed one also gets an answer."""

from __future__ import annotations

import logging
import re
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from time import perf_counter
from typing import Final
from uuid import uuid4

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.logs import bound
from app.serving.metrics import RequestMetrics
from app.serving.routes import template_of

HEADER: Final = "X-Request-ID"
USABLE = re.compile(r"[A-Za-z0-9._-]{1,64}")
"""Ids that are accepted from the client or a proxy; others could forge lines of the log."""

METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
"""Methods that are labels of their own in the metrics; a client can make up any other."""

QUIET: Final = ("/healthz", "/readyz", "/metrics", "/static")
"""Routes whose answers are logged at level debug: machines request them every few seconds, pages by the dozen."""

LONGEST_METHOD: Final = 20
LONGEST_PATH: Final = 300
"""Characters of each that are logged: a client can send 64 KiB of them."""

NO_ANSWER: Final = "none"
"""In place of a status: the client left before there was one."""

log = logging.getLogger(__name__)

OnFailure = Callable[[Request, str], Response]


@dataclass
class _Answer:
    """What has been sent so far."""

    status: int | None = None
    is_stream: bool = False
    is_measured: bool = False


class Requests:
    """ASGI middleware; the outermost, except for those that only add headers.

    Args:
        app: the application to pass requests on to.
        metrics: where to count them.
        on_failure: makes the answer to a request whose handling raised, from the request and its id; the answer
            names the id and nothing internal.
    """

    def __init__(self, app: ASGIApp, metrics: RequestMetrics, on_failure: OnFailure) -> None:
        self.app = app
        self._metrics = metrics
        self._on_failure = on_failure

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on; answer it with status 500 if that fails before an answer has started."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        started = perf_counter()
        request_id = _request_id(Headers(scope=scope).get(HEADER))
        scope.setdefault("state", {})["request_id"] = request_id
        answer = _Answer()

        async def send_with_id(message: Message) -> None:
            if message["type"] == "http.response.start":
                self._start(answer, message, request_id)
            await send(message)
            if answer.is_stream and not answer.is_measured:
                self._measure(scope, answer, started)

        with bound(request_id=request_id), self._metrics.in_progress.track_inprogress():
            try:
                await self._answered(scope, receive, send_with_id, answer, request_id)
            finally:
                self._finish(scope, answer, started)

    async def _answered(self, scope: Scope, receive: Receive, send: Send, answer: _Answer, request_id: str) -> None:
        try:
            await self.app(scope, receive, send)
        except Exception as error:  # noqa: BLE001 - logged, and answered
            _log_failure(error, scope, request_id)
            # An answer that has started can't be replaced: it breaks off, which the client notices.
            if answer.status is None:
                await self._on_failure(Request(scope), request_id)(scope, receive, send)

    def _start(self, answer: _Answer, message: Message, request_id: str) -> None:
        headers = MutableHeaders(scope=message)
        headers[HEADER] = request_id
        answer.status = message["status"]
        answer.is_stream = headers.get("content-type", "").startswith("text/event-stream")
        if answer.is_stream:
            self._metrics.streams.inc()

    def _measure(self, scope: Scope, answer: _Answer, started: float) -> None:
        answer.is_measured = True
        method = scope["method"] if scope["method"] in METHODS else "other"
        self._metrics.seconds.labels(method, template_of(scope), str(answer.status or NO_ANSWER)).observe(
            perf_counter() - started
        )

    def _finish(self, scope: Scope, answer: _Answer, started: float) -> None:
        if answer.is_stream:
            self._metrics.streams.dec()
        if not answer.is_measured:
            self._measure(scope, answer, started)
        route = template_of(scope)
        level = logging.DEBUG if route in QUIET else logging.INFO
        if not log.isEnabledFor(level):
            return
        method, path = scope["method"][:LONGEST_METHOD], scope["path"][:LONGEST_PATH]
        facts = {
            "method": method,
            "path": path,
            "route": route,
            "status": answer.status,
            "duration_ms": round(1000 * (perf_counter() - started), 1),
        }
        # Without the query: what people search for is private.
        log.log(level, "%s %s %s", method, path, answer.status or "left", extra=facts)


def _log_failure(error: Exception, scope: Scope, request_id: str) -> None:
    """Log what went wrong; for a request with a body only where, since the message may quote the body."""
    request = (request_id, scope["method"][:LONGEST_METHOD], scope["path"][:LONGEST_PATH])
    if scope["method"] in ("GET", "HEAD"):
        log.error("request %s failed: %s %r", *request, exc_info=error)
        return
    where = "".join(traceback.format_tb(error.__traceback__))
    log.error("request %s failed: %s %r with %s", *request, type(error).__name__, extra={"exception": where})


def _request_id(given: str | None) -> str:
    return given if given is not None and USABLE.fullmatch(given) else uuid4().hex

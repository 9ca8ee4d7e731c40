"""The path below which a reverse proxy shows the pages; links begin with it, routes never see it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from contextvars import ContextVar
from typing import Final

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from app.web.http.caller import is_among

USABLE: Final = re.compile(r"(/[A-Za-z0-9._~-]+)*")
HEADER: Final = "x-forwarded-prefix"

_current: ContextVar[str] = ContextVar("prefix", default="")


def below_prefix(path: str) -> str:
    """A path of ours as the client of this request reaches it."""
    return _current.get() + path


class PathPrefix:
    """ASGI middleware that takes the prefix off a request's path, where the proxy has not done it.

    Args:
        app: the application to pass requests on to.
        prefix: from the settings; if empty, what a trusted proxy names in `X-Forwarded-Prefix`.
        trusted: addresses and networks of trusted proxies.
    """

    def __init__(self, app: ASGIApp, prefix: str, trusted: Sequence[str]) -> None:
        self.app = app
        self._prefix, self._trusted = prefix, trusted

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, without the prefix."""
        prefix = self._prefix or self._forwarded(scope) if scope["type"] == "http" else ""
        if prefix and scope["path"].startswith(f"{prefix}/"):
            scope = {**scope, "path": scope["path"].removeprefix(prefix)}
        token = _current.set(prefix)
        try:
            await self.app(scope, receive, send)
        finally:
            _current.reset(token)

    def _forwarded(self, scope: Scope) -> str:
        given = Headers(scope=scope).get(HEADER, "").rstrip("/")
        peer = (scope.get("client") or ("", 0))[0]
        return given if given and USABLE.fullmatch(given) and is_among(peer, self._trusted) else ""

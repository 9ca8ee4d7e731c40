"""Response headers that keep a browser from doing what the pages never need."""

from __future__ import annotations

from typing import Final
from urllib.parse import parse_qsl

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

CONTENT_SECURITY_POLICY: Final = (
    "default-src 'self'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; "
    "worker-src 'self' blob:; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors "
)
"""Without its last value. Plotly draws with inline styles, data and blob images; there is no inline script anywhere."""

HEADERS: Final = {
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Referrer-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
}


NEVER_FRAMED: Final = ("/jobs", "/compare", "/saes/new", "/api/", "/docs")
"""Beginnings of paths that nobody may frame: forms that start, cancel or resume jobs, and what is not a page."""


class SecurityHeaders:
    """ASGI middleware that adds the headers to every response.

    With `?embed=1` a page may be framed by other sites, unless a click on it starts work: another site must not lay its
    own buttons over ours.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on and add the headers when its response starts."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        policy = CONTENT_SECURITY_POLICY + ("*" if _is_embedded(scope) else "'none'")

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update({**HEADERS, "Content-Security-Policy": policy})
            await send(message)

        await self.app(scope, receive, send_with_headers)


def _is_embedded(scope: Scope) -> bool:
    if scope["path"].startswith(NEVER_FRAMED):
        return False
    return ("embed", "1") in parse_qsl(scope["query_string"].decode("latin-1"))

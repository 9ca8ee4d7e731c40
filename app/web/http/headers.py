"""Response headers that keep a browser from doing what the pages never need."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final
from urllib.parse import parse_qsl

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

CONTENT_SECURITY_POLICY: Final = (
    "default-src 'self'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; "
    "worker-src 'self' blob:; object-src 'none'; base-uri 'none'; form-action 'self'"
)
"""Without who may frame the page. Plotly draws with inline styles, data and blob images; no script is inline."""

HEADERS: Final = {
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Referrer-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
}


NEVER_FRAMED: Final = re.compile(r"/(jobs|compare|saes/new|api/|docs|c/.*/prompt).*")
"""Paths that nobody may frame: forms that start work, and what is not a page."""


class SecurityHeaders:
    """ASGI middleware that adds the headers to every response.

    With `?embed=1` a page may be framed by the sites that the settings name, unless a click on it starts work: another
    site must not lay its own buttons over ours.

    Args:
        app: the application to pass requests on to.
        frame_ancestors: sites that may frame pages.
    """

    def __init__(self, app: ASGIApp, frame_ancestors: Sequence[str] = ()) -> None:
        self.app = app
        # `*` stands for network schemes alone: pages of files and of editors may frame ours only where nothing is said.
        sites = " ".join(frame_ancestors) or "'none'"
        self._framing = "" if "*" in frame_ancestors else f"; frame-ancestors {sites}"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on and add the headers when its response starts."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        policy = CONTENT_SECURITY_POLICY + (self._framing if _is_embedded(scope) else "; frame-ancestors 'none'")

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update({**HEADERS, "Content-Security-Policy": policy})
            await send(message)

        await self.app(scope, receive, send_with_headers)


def _is_embedded(scope: Scope) -> bool:
    if NEVER_FRAMED.fullmatch(scope["path"]):
        return False
    return ("embed", "1") in parse_qsl(scope["query_string"].decode("latin-1"))

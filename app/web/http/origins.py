"""Which requests are refused for where they come from: other sites' pages must not act through a visitor's browser."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from typing import Final
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from app.serving.metrics import RequestMetrics
from app.web.http.errors import Problem, problem_response

SAFE_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})
OWN_SITE: Final = frozenset({"same-origin", "none"})
"""Values of `Sec-Fetch-Site` of a page of ours, and of a person who typed an address."""

LOOPBACK_NAMES: Final = frozenset({"localhost", "127.0.0.1", "::1"})


class Origins:
    """ASGI middleware that refuses two kinds of requests.

    *A name that is not ours* (421): a site can let its own name point to 127.0.0.1 and have its pages talk to servers
    there as if they were its own. Such a name has a dot; addresses and names without one are always taken.

    *A change that another site asked for* (403): browsers say with each request which site started it. Programs that
    are no browsers say nothing, and are taken.

    Args:
        app: what to pass requests on to.
        host: the address that is served on.
        allowed: names that are taken; none given: any, unless `host` is loopback.
        metrics: where refusals are counted.
    """

    def __init__(self, app: ASGIApp, host: str, allowed: Sequence[str], metrics: RequestMetrics) -> None:
        self.app = app
        self._allowed = frozenset(name.lower() for name in allowed)
        self._takes_any = "*" in self._allowed or (not self._allowed and host not in LOOPBACK_NAMES)
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or answer that it is refused."""
        problem = self._problem(scope) if scope["type"] == "http" else None
        if problem is None:
            await self.app(scope, receive, send)
            return
        self._metrics.refused.labels(problem.kind).inc()
        await problem_response(Request(scope), problem)(scope, receive, send)

    def _problem(self, scope: Scope) -> Problem | None:
        headers = Headers(scope=scope)
        name = host_name(headers.get("host", ""))
        if not (self._takes_any or name in self._allowed or _is_harmless(name)):
            detail = f"this server is not known as {name[:253]!r}; if it should be, add it to HEDGESCOPE_ALLOWED_HOSTS"
            return Problem(421, "host", "Misdirected request", detail)
        if scope["method"] not in SAFE_METHODS and _is_from_another_site(headers):
            detail = "changes can only be asked for by pages of this server, and by programs that are no browsers"
            return Problem(403, "cross-origin", "Refused", detail)
        return None


def host_name(host: str) -> str:
    """The name or address in a `Host` header, without its port and the brackets of an IPv6 address."""
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return host.lower()


def _is_harmless(name: str) -> bool:
    if "." not in name.rstrip(".") or name.endswith(".localhost"):
        return True
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def _is_from_another_site(headers: Headers) -> bool:
    site = headers.get("sec-fetch-site")
    if site is not None:
        return site not in OWN_SITE
    origin = headers.get("origin")
    return origin is not None and urlsplit(origin).netloc.lower() != headers.get("host", "").lower()

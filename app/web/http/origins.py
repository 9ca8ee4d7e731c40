"""No other site's page may act through a visitor's browser."""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import ip_address
from typing import Final
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from app.serving.metrics import RequestMetrics
from app.web.http.access import SAFE_METHODS
from app.web.http.caller import host_name, is_loopback
from app.web.http.errors import Problem, problem_response

OWN_SITE: Final = frozenset({"same-origin", "none"})
"""Values of `Sec-Fetch-Site` for our own pages, and for an address that a person typed."""


class Origins:
    """ASGI middleware that refuses two kinds of requests.

    *To an unknown name* (421): a site can let its own name point to 127.0.0.1, so that its pages reach servers there
    as if they were its own. Such a name has a dot; addresses and names without one are always accepted.

    *A change that another site started* (403): browsers name the site that started a request. Non-browser clients
    name none, and are accepted.

    Args:
        app: the application to pass requests on to.
        host: the address that is served on.
        allowed: names that are accepted; if empty, any name, unless `host` is a loopback address.
        metrics: where refusals are counted.
    """

    def __init__(self, app: ASGIApp, host: str, allowed: Sequence[str], metrics: RequestMetrics) -> None:
        self.app = app
        self._allowed = frozenset(name.lower() for name in allowed)
        self._takes_any = "*" in self._allowed or (not self._allowed and not is_loopback(host))
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or refuse it."""
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
            detail = (
                f"this server is not known as {name[:253]!r}; to allow that name, add it to HEDGESCOPE_ALLOWED_HOSTS"
            )
            return Problem(421, "host", "Misdirected request", detail)
        if scope["method"] not in SAFE_METHODS and _is_from_another_site(headers):
            detail = "only pages of this server and non-browser clients can change something"
            return Problem(403, "cross-origin", "Refused", detail)
        return None


def _is_harmless(name: str) -> bool:
    if "." not in name.rstrip(".") or name.endswith(".localhost"):
        return True
    try:
        ip_address(name)
    except ValueError:
        return False
    return True


def _is_from_another_site(headers: Headers) -> bool:
    site = headers.get("sec-fetch-site")
    if site is not None:
        return site not in OWN_SITE
    origin = headers.get("origin")
    return origin is not None and urlsplit(origin).netloc.lower() != headers.get("host", "").lower()

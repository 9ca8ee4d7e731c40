"""Who may do what: changes need the token, and no other site's page may act through a visitor's browser."""

from __future__ import annotations

import hmac
from collections.abc import Sequence
from ipaddress import ip_address
from typing import Annotated, Final
from urllib.parse import urlsplit

from fastapi import Depends
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from app.serving.metrics import RequestMetrics
from app.settings import Settings
from app.web.http.errors import Problem, problem_response

FIELD = "token"
"""Name of the form field that holds the token."""

NOT_FROM_HERE = (
    "jobs can be started on this server only with a token, and none is set: set HEDGESCOPE_JOBS_TOKEN, or serve on a "
    "loopback address"
)
WRONG = "the token is missing or wrong; it is the value of HEDGESCOPE_JOBS_TOKEN on the server"

SAFE_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})
OWN_SITE: Final = frozenset({"same-origin", "none"})
"""Values of `Sec-Fetch-Site` for our own pages, and for an address that a person typed."""

LOOPBACK_NAMES: Final = frozenset({"localhost", "127.0.0.1", "::1"})

BEARER = HTTPBearer(
    scheme_name="token",
    description="The value of HEDGESCOPE_JOBS_TOKEN; not needed on a server that only its own computer can reach.",
    auto_error=False,
)


def needs_token(settings: Settings) -> bool:
    """Whether changes need a token: where one is set, and where other computers may reach the server."""
    return settings.jobs_token is not None or bool(settings.allowed_hosts) or not _is_loopback(settings.host)


def can_submit(settings: Settings) -> bool:
    """Whether jobs can be started here at all."""
    return settings.jobs_token is not None or not needs_token(settings)


async def check_token(
    request: Request, credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(BEARER)]
) -> None:
    """A dependency of routes that change something. Raises HTTPException as `check_access`."""
    _check(request.app.state.settings, None if credentials is None else credentials.credentials)


async def check_access(request: Request, given: str | None) -> None:
    """Check the token of a form, or of the `Authorization` header.

    Raises:
        HTTPException: 403 where no token would help, 401 where it is missing or wrong.
    """
    if given is None:
        await check_token(request, await BEARER(request))
    else:
        _check(request.app.state.settings, given)


def _check(settings: Settings, given: str | None) -> None:
    if not needs_token(settings):
        return
    if settings.jobs_token is None:
        raise HTTPException(403, NOT_FROM_HERE)
    right = settings.jobs_token.get_secret_value()
    # In constant time: how long it takes must not reveal how much of it is right.
    if not hmac.compare_digest((given or "").encode("utf-8", "surrogateescape"), right.encode()):
        raise HTTPException(401, WRONG, {"WWW-Authenticate": "Bearer"})


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


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
        self._takes_any = "*" in self._allowed or (not self._allowed and host not in LOOPBACK_NAMES)
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

"""Who may start, cancel and resume jobs: everybody on this computer, or who has the token."""

from __future__ import annotations

import hmac
from ipaddress import ip_address

from starlette.exceptions import HTTPException
from starlette.requests import Request

from app.settings import Settings

FIELD = "token"
"""Name of the field of a form that holds the token."""

NOT_FROM_HERE = (
    "jobs can be started on this server only with a token, and none is set: set HEDGESCOPE_JOBS_TOKEN, or serve on a "
    "loopback address"
)
WRONG = "the token is missing or wrong; it is the value of HEDGESCOPE_JOBS_TOKEN on the server"


def needs_token(settings: Settings) -> bool:
    """Whether a token is asked for: where one is set, and where others than this computer may reach the server."""
    return settings.jobs_token is not None or bool(settings.allowed_hosts) or not _is_loopback(settings.host)


def can_ask(settings: Settings) -> bool:
    """Whether anybody can start a job here at all."""
    return settings.jobs_token is not None or not needs_token(settings)


def check_access(request: Request, given: str | None = None) -> None:
    """Refuse who may not.

    Args:
        given: the token of a form; that of the `Authorization` header counts as well.

    Raises:
        HTTPException: 403 where no token would help, 401 where it is missing or wrong.
    """
    settings: Settings = request.app.state.settings
    if not needs_token(settings):
        return
    if settings.jobs_token is None:
        raise HTTPException(403, NOT_FROM_HERE)
    scheme, _, value = request.headers.get("authorization", "").partition(" ")
    shown = given or (value.strip() if scheme.lower() == "bearer" else "")
    right = settings.jobs_token.get_secret_value()
    # In constant time: how long it takes must not tell how much of it is right.
    if not hmac.compare_digest(shown.encode("utf-8", "surrogateescape"), right.encode()):
        raise HTTPException(401, WRONG, {"WWW-Authenticate": "Bearer"})


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"

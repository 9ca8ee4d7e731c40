"""Who may do what: keys with scopes, shares of each client, and a line in the log for each change."""

from __future__ import annotations

import base64
import binascii
import hmac
import logging
import re
from dataclasses import replace
from typing import Final

from anyio import CapacityLimiter, to_thread
from sqlalchemy import Engine
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.errors import StoreError
from app.records.access import ScopeName, allowed_by
from app.settings import Settings
from app.store.keys import find_key
from app.web.http import endings
from app.web.http.caller import Caller, caller_of
from app.web.http.errors import Problem, ProblemError, of_store_error, problem_response, wants_page
from app.web.http.rates import Rates

FIELD: Final = "token"
"""Name of the form field that holds a key."""

SAFE_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})
OPEN: Final = re.compile(r"/(healthz|readyz|static/.*)")
METRICS: Final = "/metrics"
PROMPT: Final = re.compile(r".*/prompt")
VECTORS: Final = re.compile(rf"/api/v1/comparisons/[^/]+/vectors({re.escape(endings.SAFETENSORS)})?")
"""They keep the inference worker busy, like a prompt."""

FORMS: Final = re.compile(r"/(compare/new|saes/new|saes/upload|jobs/[^/]+/(cancel|resume))")
"""Forms with a field for the key: their routes call `check_form`."""

COSTS: Final[dict[ScopeName, int]] = {"read": 1, "prompt": 20, "write": 10, "admin": 1}
FILE_COST: Final = 10

WRONG_KEYS: Final = 10
"""Wrong keys a minute from one address; beyond that, its keys are not looked at for a while."""

HOW: Final = "send one as X-API-Key or Authorization: Bearer; `hedgescope key create --scope {}` makes one"

audit = logging.getLogger("app.audit")


class Access:
    """ASGI middleware that finds out who sends a request, and refuses what they may not do.

    Args:
        app: the application to pass requests on to.
        settings: what anonymous clients may do, and how much.
        engine: where the keys are.
    """

    def __init__(self, app: ASGIApp, settings: Settings, engine: Engine) -> None:
        self.app = app
        self._settings, self._engine = settings, engine
        self._rates = Rates(-(-settings.rate_limit // settings.processes)) if settings.rate_limit else None
        self._wrong = Rates(max(1, WRONG_KEYS // settings.processes))
        self._threads: CapacityLimiter | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or refuse it; note each change."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        state = scope.setdefault("state", {})
        caller = state["caller"] = caller_of(scope, self._settings)
        state["access"] = self
        noting = _Noting(scope, send)
        try:
            caller = state["caller"] = await self._known(scope, caller)
            noting.headers = self._within_share(scope, caller)
            self._check(scope, caller)
        except ProblemError as error:
            answer = problem_response(Request(scope), error.problem, error.headers)
            await answer(scope, receive, noting.send)
            return
        await self.app(scope, receive, noting.send)

    async def identified(self, caller: Caller, given: str) -> Caller:
        """The caller, with what a key allows.

        Raises:
            ProblemError: 401 for a wrong or revoked key, 429 after too many of them.
        """
        found = await self._find(given)
        if found is not None:
            return replace(caller, key=found[0], scopes=caller.scopes | found[1])
        verdict = self._wrong.look(caller.address)
        if not verdict.is_allowed:
            detail = f"too many wrong keys from this address; try again in {verdict.wait_s} s"
            raise ProblemError(_problem(429, detail), {"Retry-After": str(verdict.wait_s)})
        token = self._settings.jobs_token
        if token is not None and _same(given, token.get_secret_value()):
            return replace(caller, key="HEDGESCOPE_JOBS_TOKEN", scopes=caller.scopes | allowed_by(("write", "prompt")))
        self._wrong.take(caller.address)
        raise ProblemError(_problem(401, "the key is wrong or was revoked"), {"WWW-Authenticate": "Bearer"})

    async def _find(self, given: str) -> tuple[str, frozenset[ScopeName]] | None:
        self._threads = self._threads or CapacityLimiter(2)
        try:
            record = await to_thread.run_sync(find_key, self._engine, given, limiter=self._threads)
        except StoreError as error:
            raise ProblemError(of_store_error(error)) from error
        return None if record is None else (record.public_id, allowed_by(record.scopes))

    async def _known(self, scope: Scope, caller: Caller) -> Caller:
        given = given_key(Headers(scope=scope))
        return caller if given is None else await self.identified(caller, given)

    def _within_share(self, scope: Scope, caller: Caller) -> dict[str, str]:
        """Headers that say what is left. Raises ProblemError with 429."""
        if self._rates is None or caller.is_local or OPEN.fullmatch(scope["path"]):
            return {}
        cost = FILE_COST if scope["path"].endswith(endings.FILES) else COSTS[needed(scope) or "read"]
        verdict = self._rates.take(caller.share, cost)
        if verdict.is_allowed:
            return verdict.headers()
        detail = f"more than {verdict.quota} requests a minute; try again in {verdict.wait_s} s"
        raise ProblemError(_problem(429, detail), verdict.headers())

    def _check(self, scope: Scope, caller: Caller) -> None:
        wanted = needed(scope)
        is_known = caller.key is not None or caller.is_local
        if wanted is None or (caller.may(wanted) and (is_known or scope["path"] != METRICS)):
            return
        if FORMS.fullmatch(scope["path"]) and scope["method"] == "POST":
            return
        refuse(Request(scope), caller, wanted)


class _Noting:
    """Sends an answer on, with headers of ours; notes what changed, once it is known how it ended."""

    def __init__(self, scope: Scope, send: Send) -> None:
        self._scope, self._send = scope, send
        self.headers: dict[str, str] = {}

    async def send(self, message: Message) -> None:
        """A message of the answer."""
        if message["type"] == "http.response.start":
            MutableHeaders(scope=message).update(self.headers)
            if self._scope["method"] not in SAFE_METHODS:
                self._note(message["status"])
        await self._send(message)

    def _note(self, status: int) -> None:
        caller: Caller = self._scope["state"]["caller"]
        who = f"key {caller.key}" if caller.key else "this computer" if caller.is_local else "anonymous"
        method, path = self._scope["method"][:20], self._scope["path"][:300]
        facts = {"method": method, "path": path, "status": status, "key": caller.key, "address": caller.address}
        audit.info("%s %r %s by %s from %s", method, path, status, who, caller.address, extra=facts)


def needed(scope: Scope) -> ScopeName | None:
    """The scope that a request needs; None where everybody may send it."""
    if OPEN.fullmatch(scope["path"]):
        return None
    if scope["method"] in SAFE_METHODS:
        return "prompt" if VECTORS.fullmatch(scope["path"]) else "read"
    return "prompt" if PROMPT.fullmatch(scope["path"]) else "write"


def given_key(headers: Headers) -> str | None:
    """The key that a request comes with. A password of a proxy's own is left to the proxy."""
    own = headers.get("x-api-key")
    if own is not None:
        return own
    kind, _, value = headers.get("authorization", "").partition(" ")
    if kind.lower() == "bearer":
        return value.strip()
    if kind.lower() != "basic":
        return None
    try:
        password = base64.b64decode(value, validate=True).decode().partition(":")[2]
    except (binascii.Error, UnicodeDecodeError):
        return None
    return password if password.startswith("hs_") else None


async def check_form(request: Request, given: str | None) -> None:
    """Check the key in a form's field, for a change.

    Raises:
        ProblemError: 401 without one that counts, 403 where it does not allow changes.
    """
    state = request.scope["state"]
    caller: Caller = state["caller"]
    if given and not caller.may("write"):
        access: Access = state["access"]
        caller = state["caller"] = await access.identified(caller, given)
    if not caller.may("write"):
        refuse(request, caller, "write")


def refuse(request: Request, caller: Caller, wanted: ScopeName) -> None:
    """Raises ProblemError: 403 for a key without the scope, else 401; browsers ask their user for a key then."""
    if caller.key is not None:
        raise ProblemError(_problem(403, f"this needs the scope {wanted}, which the key does not have"))
    way = 'Basic realm="Hedgescope: the key is the password", charset="UTF-8"' if wants_page(request) else "Bearer"
    detail = f"this needs a key with the scope {wanted}: {HOW.format(wanted)}"
    raise ProblemError(_problem(401, detail), {"WWW-Authenticate": way})


def _same(given: str, right: str) -> bool:
    return hmac.compare_digest(given.encode("utf-8", "surrogateescape"), right.encode())


def _problem(status: int, detail: str) -> Problem:
    if status == 429:
        return Problem(429, "too-many-requests", "Too many requests", detail)
    return Problem(status, "not-allowed", "Not allowed", detail)

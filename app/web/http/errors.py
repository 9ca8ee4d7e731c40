"""Errors as HTTP answers: one problem document (RFC 9457), or the same as a page for browsers."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import Any

import orjson
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Match

from app.errors import ConflictError, NotFoundError, QueryError, QueryStoppedError, SchemaError, StoreError
from app.serving.headers import NEVER_KEPT
from app.serving.leaving import answer_nobody
from app.serving.plain_answers import TYPE_PREFIX
from app.web.http import endings

PROBLEM_JSON = "application/problem+json"
LONGEST_DETAIL = 2000
"""Characters: only so much of what a client sent is sent back."""

WRONG_SCHEMA = (
    "the database's schema belongs to another version of the program; stop the server and run `hedgescope db upgrade`"
)
METHODS = ("GET", "HEAD", "POST")
"""That any route takes."""

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Problem:
    """What went wrong with a request.

    Attributes:
        status: of HTTP.
        kind: last part of the document's `type`, the same for all problems of a kind.
        title: of the kind.
        detail: of this one: what was found, what was expected, what to do.
        parameter: the wrong parameter's name, where it is about one.
        valid: values (or names of parameters) that would be accepted, where they can be listed.
        request_id: of the request, as the log has it.
    """

    status: int
    kind: str
    title: str
    detail: str
    parameter: str | None = None
    valid: Sequence[str] = ()
    request_id: str | None = None

    def document(self) -> dict[str, Any]:
        """The members of RFC 9457 and those of ours that apply."""
        members = {
            "type": TYPE_PREFIX + self.kind,
            "title": self.title,
            "status": self.status,
            "detail": self.detail,
        }
        if self.parameter is not None:
            members |= {"parameter": self.parameter, "valid": list(self.valid)}
        if self.request_id is not None:
            members["request_id"] = self.request_id
        return members


ErrorPage = Callable[[Problem], str]
"""Makes the page of a problem, for browsers."""


class ProblemError(Exception):
    """A request that is answered with a problem.

    Args:
        problem: what is wrong.
        headers: of the answer.
    """

    def __init__(self, problem: Problem, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(problem.detail)
        self.problem, self.headers = problem, headers


def install(app: FastAPI, error_page: ErrorPage) -> None:
    """Make the application answer its errors with problems; to a browser that requests a page, with `error_page`."""
    app.state.error_page = error_page
    app.add_exception_handler(ProblemError, _on_problem)
    app.add_exception_handler(StoreError, _on_store_error)
    app.add_exception_handler(ClientDisconnect, answer_nobody)
    app.add_exception_handler(HTTPException, _on_http_exception)
    app.add_exception_handler(RequestValidationError, _on_validation_error)


def problem_response(request: Request, problem: Problem, headers: Mapping[str, str] | None = None) -> Response:
    """The problem as JSON, or as a page for a browser that requests one."""
    sent = {**NEVER_KEPT, "Vary": "Accept", **(headers or {})}
    problem = replace(problem, request_id=request.scope.get("state", {}).get("request_id"))
    if wants_page(request):
        error_page: ErrorPage = request.app.state.error_page
        return HTMLResponse(error_page(problem), problem.status, sent)
    return Response(orjson.dumps(problem.document()), problem.status, sent, PROBLEM_JSON)


def unexpected(request_id: str) -> Problem:
    """The problem of a request that failed through the server's fault."""
    detail = f"the server failed to answer; its log has the reason under the request id {request_id}"
    return Problem(500, "internal", "Internal error", detail)


def failed(request: Request, request_id: str) -> Response:
    """The answer to a request that failed through the server's fault."""
    return problem_response(request, unexpected(request_id))


def refused(request: Request, status: int, kind: str, detail: str) -> Response:
    """The answer to a request that is refused before any route handles it."""
    return problem_response(request, Problem(status, kind, HTTPStatus(status).phrase.capitalize(), detail))


def of_store_error(error: StoreError) -> Problem:
    """The problem of an error of the store.

    What is wrong with the database goes to the log only, since the message may name paths and hosts.
    """
    detail = shortened(error.public)
    match error:
        case NotFoundError():
            return Problem(404, "not-found", "Not found", detail)
        case QueryError():
            return Problem(400, "wrong-parameter", "Wrong parameter", detail, error.parameter, error.valid)
        case ConflictError():
            return Problem(409, "conflict", "Conflict", detail)
        case QueryStoppedError():
            return Problem(503, "time-limit", "Query takes too long", detail)
        case SchemaError():
            return Problem(503, "schema", "Database needs an upgrade", WRONG_SCHEMA)
        case _:
            return Problem(
                503,
                "database",
                "Database unavailable",
                "the database can't be used now; the server's log has the reason",
            )


def of_http_exception(request: Request, error: HTTPException) -> Problem:
    """The problem of an unknown path, a wrong method or another error of HTTP."""
    path = shortened(request.url.path)
    if error.status_code == 404:
        return Problem(404, "not-found", "Not found", f"there is nothing at {path!r}")
    if error.status_code == 405:
        allowed = (error.headers or {}).get("Allow", "GET")
        detail = f"{shortened(request.method)} is not allowed at {path!r}; use {_methods(allowed)}"
        return Problem(405, "method-not-allowed", "Method not allowed", detail)
    if error.status_code in (401, 403):
        return Problem(error.status_code, "not-allowed", "Not allowed", shortened(error.detail))
    return Problem(error.status_code, "http", _title(error.detail), shortened(error.detail))


def _methods(allowed: str) -> str:
    *others, last = allowed.split(", ")
    return f"{', '.join(others)} or {last}" if others else last


def of_validation_error(error: RequestValidationError) -> Problem:
    """The problem of parameters that FastAPI refused: 400 in the query, 422 in the path."""
    complaints = error.errors()
    first = complaints[0]
    status = 400 if first["loc"][0] == "query" else 422
    detail = shortened("; ".join(_complaint(item) for item in complaints))
    return Problem(status, "wrong-parameter", "Wrong parameter", detail, str(first["loc"][-1]), _valid(first))


async def _on_problem(request: Request, error: Exception) -> Response:
    assert isinstance(error, ProblemError)
    return problem_response(request, error.problem, error.headers)


async def _on_store_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, StoreError)
    if isinstance(error, QueryStoppedError) and not error.is_late:
        return await answer_nobody(request, error)
    problem = of_store_error(error)
    if problem.status >= 500:
        log.error("request %s: %s", request.state.request_id, error)
    return problem_response(request, problem)


async def _on_http_exception(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    if error.status_code < 400:
        return Response(status_code=error.status_code, headers=error.headers)
    headers = dict(error.headers or {})
    if error.status_code == 405:
        headers["Allow"] = ", ".join(_allowed(request))
        error = HTTPException(405, error.detail, headers)
    return problem_response(request, of_http_exception(request, error), headers)


def _allowed(request: Request) -> list[str]:
    """The methods that some route takes at this path: the first that fits it knows its own only."""
    routes = request.app.router.routes
    scopes = ({**request.scope, "method": method} for method in METHODS)
    return [scope["method"] for scope in scopes if any(route.matches(scope)[0] == Match.FULL for route in routes)]


async def _on_validation_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    return problem_response(request, of_validation_error(error))


def wants_page(request: Request) -> bool:
    """Whether a browser requests a page."""
    path = request.url.path
    if path.startswith("/api/") or path.endswith(endings.DATA):
        return False
    return "text/html" in request.headers.get("accept", "")


def _complaint(item: Mapping[str, Any]) -> str:
    found = f" is {shortened(str(item['input']), 80)!r}" if isinstance(item.get("input"), str) else ""
    message = str(item["msg"])
    return f"{item['loc'][-1]}{found}: {message[:1].lower()}{message[1:]}"


def _valid(item: Mapping[str, Any]) -> Sequence[str]:
    """The values that Pydantic lists for a choice, e.g. from `'narrow' or 'reference'`."""
    context = item.get("ctx") or {}
    return re.findall(r"'([^']*)'", str(context.get("expected", "")))


def _title(phrase: str) -> str:
    return phrase[:1].upper() + phrase[1:]


def shortened(text: str, length: int = LONGEST_DETAIL) -> str:
    """The text, cut to a length of characters."""
    return text if len(text) <= length else text[: length - 1] + "…"

"""How the API's routes are registered: with documented answers, and no undeclared parameters."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, TypeVar

import orjson
from fastapi import APIRouter, Depends
from fastapi.params import Depends as Dependency
from starlette.responses import Response

from app.web.api.describe import model_of
from app.web.api.formats import PARQUET
from app.web.api.status_models import ParameterProblem, ProblemDocument
from app.web.http import endings
from app.web.http.errors import PROBLEM_JSON
from app.web.http.params import no_parameters

Handler = TypeVar("Handler", bound=Callable[..., Response | Awaitable[Response]])

PROBLEMS: dict[int | str, tuple[type, str]] = {
    400: (ParameterProblem, "A wrong or unknown parameter or field, or a name that several comparisons have"),
    401: (ProblemDocument, "The token is missing or wrong"),
    403: (ProblemDocument, "Not allowed: the server has no token, or another site sent the request"),
    404: (ProblemDocument, "No such resource"),
    406: (ProblemDocument, "This server can't make Parquet"),
    409: (ProblemDocument, "Not possible as things are"),
    415: (ProblemDocument, "The body is not JSON by its media type"),
    422: (ParameterProblem, "A malformed index in the path"),
    502: (ProblemDocument, "The inference worker's answer is invalid"),
    503: (ProblemDocument, "There is no inference worker, or it is busy: then `Retry-After` says when to try again"),
    # Without it, FastAPI would add a 422 of its own; it goes when the document is completed.
    "default": (ProblemDocument, "Any other problem"),
}

FILES: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The list; as CSV, NDJSON or Parquet by `Accept`, or under the same path with `.csv`, "
        "`.ndjson` or `.parquet` at its end. A file of latents has the whole filtered view.",
        "content": {
            "text/csv": {"schema": {"type": "string"}},
            "application/x-ndjson": {"schema": {"type": "string"}},
            PARQUET: {"schema": {"type": "string", "contentMediaType": PARQUET}},
        },
    }
}


def get(
    router: APIRouter,
    path: str,
    answer: type,
    *,
    problems: Sequence[int],
    checks: Sequence[Dependency] = (Depends(no_parameters),),
    extra: dict[str, Any] | None = None,
    files: bool = False,
    also: Sequence[str] = (),
) -> Callable[[Handler], Handler]:
    """Registers a handler for GET and HEAD.

    Args:
        router: to register it with.
        path: below the router's prefix.
        answer: the record that the handler's response holds.
        problems: statuses that it may fail with, besides those of every route.
        checks: dependencies that every request passes first; by default, that it has no parameters.
        extra: more for the OpenAPI operation.
        files: whether the handler also answers with tables, by `Accept` and under the path with an ending.
        also: further endings of the path.
    """

    def register(handler: Handler) -> Handler:
        name = f"api_{handler.__name__}"
        others = (*(endings.TABLES if files else ()), *also)
        # Before the path itself, whose last parameter would take an ending for a part of a name.
        hidden = {**{path + ending: ["GET", "HEAD"] for ending in others}, path: ["HEAD"]}
        for each, methods in hidden.items():
            router.add_api_route(
                each,
                handler,
                methods=methods,
                name=name,
                response_model=None,
                dependencies=checks,
                include_in_schema=False,
            )
        router.add_api_route(
            path,
            handler,
            methods=["GET"],
            name=name,
            operation_id=handler.__name__,
            summary=handler.__name__.replace("_", " ").capitalize(),
            response_model=model_of(answer),
            responses={**documented_problems((*problems, *((406,) if files else ()))), **(FILES if files else {})},
            dependencies=checks,
            openapi_extra=extra,
        )
        return handler

    return register


def post(
    router: APIRouter,
    path: str,
    answer: type,
    *,
    problems: Sequence[int],
    checks: Sequence[Dependency] = (Depends(no_parameters),),
    status: int = 200,
    extra: dict[str, Any] | None = None,
) -> Callable[[Handler], Handler]:
    """Registers a handler for POST; arguments as of `get`, and the status of success."""

    def register(handler: Handler) -> Handler:
        router.add_api_route(
            path,
            handler,
            methods=["POST"],
            name=f"api_{handler.__name__}",
            operation_id=handler.__name__,
            summary=handler.__name__.replace("_", " ").capitalize(),
            response_model=model_of(answer),
            responses=documented_problems(problems),
            status_code=status,
            dependencies=checks,
            openapi_extra=extra,
        )
        return handler

    return register


def json_response(answer: object, headers: Mapping[str, str] | None = None, status: int = 200) -> Response:
    """A record as JSON."""
    return Response(orjson.dumps(answer), status, headers, "application/json")


BY_ACCEPT: Mapping[str, str] = {"Vary": "Accept"}
"""For the JSON of a list, which is a file for other clients."""


def documented_problems(problems: Sequence[int]) -> dict[int | str, dict[str, Any]]:
    """The problems that an operation may answer with, for OpenAPI."""
    documented: dict[int | str, dict[str, Any]] = {}
    for status, (record, description) in PROBLEMS.items():
        if status in (*problems, "default"):
            schema = {"$ref": f"#/components/schemas/{record.__name__}"}
            documented[status] = {"description": description, "content": {PROBLEM_JSON: {"schema": schema}}}
    return documented

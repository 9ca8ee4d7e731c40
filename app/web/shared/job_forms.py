"""Requests for jobs, read from JSON or from a form and checked the same way."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from pydantic import TypeAdapter, ValidationError
from starlette.requests import Request

from app.errors import QueryError, RequestError
from app.jobs.records import JobKind
from app.records.request import NAME_CHARACTERS, ComparisonRequest, InterventionRequest, JobRequest, SaeRequest, about
from app.web.http.bodies import read_form, read_object

RECORDS: Mapping[JobKind, type[JobRequest]] = {
    "comparison": ComparisonRequest,
    "sae": SaeRequest,
    "intervention": InterventionRequest,
}
KINDS = tuple(RECORDS)

EXCLUSIVE = (("activations", "model"), ("activations", "text"))
"""Fields of a comparison that are not given together."""

_ADAPTERS: Mapping[JobKind, TypeAdapter[Any]] = {kind: TypeAdapter(record) for kind, record in RECORDS.items()}


def schema_of(kind: JobKind) -> dict[str, Any]:
    """The JSON schema of a body that requests a job of this kind."""
    schema = _ADAPTERS[kind].json_schema()
    named = {"const": kind, "default": "comparison", "description": "Kind of job.", "title": "Kind", "type": "string"}
    if kind != "comparison":
        del named["default"]
        schema["required"] = ["kind", *schema["required"]]
    exclusive = {"allOf": list(map(_not_both, EXCLUSIVE))} if kind == "comparison" else {}
    properties = {"kind": named, **schema["properties"]}
    return {**schema, **exclusive, "properties": properties, "additionalProperties": False}


def _not_both(names: tuple[str, str]) -> dict[str, Any]:
    return {"not": {"required": list(names), "properties": {name: {"type": "string"} for name in names}}}


async def read_job(request: Request) -> JobRequest:
    """The job that a body of JSON requests.

    Raises:
        HTTPException, QueryError: as `read_object`; or a field is invalid, which the error names.
    """
    given = await read_object(request)
    kind = given.pop("kind", "comparison")
    if kind not in KINDS:
        raise QueryError(f"kind is {str(kind)[:80]!r}; expected {', '.join(KINDS)}", parameter="kind", valid=KINDS)
    return checked(cast(JobKind, kind), given)


async def read_job_form(request: Request) -> dict[str, str]:
    """The fields of a form that are not empty. Raises as `read_form`."""
    fields = await read_form(request)
    return {name: value.strip() for name, value in fields.items() if value.strip()}


def from_form(kind: JobKind, values: Mapping[str, str]) -> JobRequest:
    """The job that the fields of a form request; raises as `checked`."""
    given: dict[str, Any] = dict(values)
    if "matryoshka_widths" in given:
        given["matryoshka_widths"] = [part.strip() for part in given["matryoshka_widths"].split(",")]
    return checked(kind, given)


def checked(kind: JobKind, values: Mapping[str, Any]) -> JobRequest:
    """The request of these values.

    Raises:
        QueryError: names the first field that is invalid, what was found and what was expected.
    """
    names = tuple(about(RECORDS[kind]))
    for name in values:
        if name not in names:
            message = f"unknown field {name[:80]!r}; expected {', '.join(names)}"
            raise QueryError(message, parameter=name[:80], valid=names)
    try:
        return cast(JobRequest, _ADAPTERS[kind].validate_python(values))
    except RequestError as error:
        raise QueryError(str(error), parameter=error.field) from error
    except ValidationError as error:
        raise _explained(error) from error


def _explained(error: ValidationError) -> QueryError:
    first = error.errors(include_url=False)[0]
    field = str(first["loc"][0])
    if first["type"] == "missing":
        return QueryError(f"{field} is missing; it is required", parameter=field)
    if first["type"] == "string_pattern_mismatch" and field == "name":
        found = str(first["input"])[:80]
        return QueryError(f"name is {found!r}; expected {NAME_CHARACTERS}, a letter or digit first", parameter=field)
    message = first["msg"]
    return QueryError(f"{field} is {str(first['input'])[:80]!r}: {message[:1].lower()}{message[1:]}", parameter=field)

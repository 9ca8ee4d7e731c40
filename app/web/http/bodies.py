"""Bodies of requests: JSON and forms, in UTF-8. `app.serving.body` limits their size and the time they take."""

from __future__ import annotations

from typing import Any, TypeVar
from urllib.parse import parse_qsl

import orjson
from fastapi import HTTPException
from pydantic import BaseModel, ValidationError
from starlette.requests import Request

from app.errors import QueryError
from app.serving.validation import first_problem

JSON = "application/json"
FORM = "application/x-www-form-urlencoded"
MAX_FIELDS = 100
"""Of a form."""

Model = TypeVar("Model", bound=BaseModel)


async def read_json(request: Request, model: type[Model]) -> Model:
    """The body as a message. The error does not repeat what was sent, which may be a private text.

    Raises:
        HTTPException: 415, it is not JSON by its media type.
        QueryError: it is not UTF-8 or not JSON, or a field is invalid; names the field.
    """
    body = await _json_body(request)
    try:
        return model.model_validate_json(body)
    except ValidationError as error:
        field, message = first_problem(error)
        where = field or "body"
        raise QueryError(f"{where}: {message[:1].lower()}{message[1:]}", parameter=where) from None


async def read_object(request: Request) -> dict[str, Any]:
    """The body as a JSON object.

    Raises:
        HTTPException: 415, it is not JSON by its media type.
        QueryError: it is not UTF-8, not JSON or not an object.
    """
    body = await _json_body(request)
    try:
        found = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise QueryError(f"the body is not JSON ({error}); expected an object", parameter="body") from error
    if not isinstance(found, dict):
        raise QueryError("the body is JSON, but not an object; expected an object", parameter="body")
    return found


async def read_form(request: Request) -> dict[str, str]:
    """The fields of a form; the last of a repeated one counts. Nothing at all is an empty form.

    Raises:
        HTTPException: 415, it is not a form by its media type.
        QueryError: it is not UTF-8, or has too many fields.
    """
    body = await request.body()
    if body:
        _check_media_type(request, FORM)
    try:
        pairs = parse_qsl(body.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=MAX_FIELDS)
    except UnicodeDecodeError:
        raise QueryError("the form is not valid UTF-8; expected text in UTF-8", parameter="body") from None
    except ValueError:
        message = f"the form has more than {MAX_FIELDS} fields; expected at most {MAX_FIELDS}"
        raise QueryError(message, parameter="body") from None
    return dict(pairs)


async def _json_body(request: Request) -> bytes:
    _check_media_type(request, JSON)
    body = await request.body()
    try:
        body.decode()
    except UnicodeDecodeError as error:
        message = f"the body is not valid UTF-8 (byte {error.start:,} of {len(body):,}); expected JSON in UTF-8"
        raise QueryError(message, parameter="body") from None
    return body


def _check_media_type(request: Request, expected: str) -> None:
    """Refuse another media type: a form of another site can't send JSON. Raises HTTPException with 415."""
    found = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if found != expected:
        raise HTTPException(415, f"the media type of the body is {found[:80] or 'not stated'}; expected {expected}")

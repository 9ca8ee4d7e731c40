"""What browsers and programs send, read as what it should be. `app.serving.body` limits how long it is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar
from urllib.parse import parse_qsl

from fastapi import HTTPException
from pydantic import BaseModel, ValidationError
from starlette.requests import Request

from app.errors import QueryError

JSON = "application/json"
FORM = "application/x-www-form-urlencoded"
FIELDS_MAX = 100

Model = TypeVar("Model", bound=BaseModel)


async def read_json(request: Request, model: type[Model]) -> Model:
    """The body as a message. What was found is not repeated.

    Raises:
        HTTPException: 415 not JSON.
        QueryError: it is not UTF-8, or not what was expected.
    """
    _expect(request, JSON)
    body = await request.body()
    _expect_utf8(body)
    try:
        return model.model_validate_json(body)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False, include_context=False)[0]
        where = ".".join(map(str, first["loc"])) or "body"
        message = first["msg"]
        raise QueryError(f"{where}: {message[:1].lower()}{message[1:]}", parameter=where) from None


async def read_form(request: Request) -> Mapping[str, str]:
    """The fields of a form; a repeated one counts the last time.

    Raises:
        HTTPException: 415 not a form.
        QueryError: it is not UTF-8, or has too many fields.
    """
    _expect(request, FORM)
    body = await request.body()
    try:
        pairs = parse_qsl(
            body.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=FIELDS_MAX, encoding="utf-8"
        )
    except UnicodeDecodeError:
        raise QueryError("text is not valid UTF-8; expected text in UTF-8", parameter="text") from None
    except ValueError:
        raise QueryError(f"the form has more than {FIELDS_MAX} fields; expected fewer", parameter="text") from None
    return dict(pairs)


def _expect_utf8(body: bytes) -> None:
    """Raises QueryError, with the place of the first byte that is wrong."""
    try:
        body.decode()
    except UnicodeDecodeError as error:
        message = f"the body is not valid UTF-8 (byte {error.start:,} of {len(body):,}); expected JSON in UTF-8"
        raise QueryError(message, parameter="body") from None


def _expect(request: Request, media_type: str) -> None:
    """Refuse another media type: a form of another site can't send JSON. Raises HTTPException with 415."""
    found = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if found != media_type:
        raise HTTPException(415, f"the body is {found[:80] or 'of no stated type'}; expected {media_type}")

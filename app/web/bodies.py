"""What browsers and programs send: whose request it is, how long it may be, that it is text."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar
from urllib.parse import parse_qsl, urlsplit

from fastapi import HTTPException
from pydantic import BaseModel, ValidationError
from starlette.requests import Request

from app.errors import QueryError
from app.wire import BODY_BYTES_MAX

JSON = "application/json"
FORM = "application/x-www-form-urlencoded"
FIELDS_MAX = 100

Model = TypeVar("Model", bound=BaseModel)


async def same_site(request: Request) -> None:
    """Refuse what a page of another site sends with this site's visitor's browser.

    Every current browser says by `Sec-Fetch-Site` where a request comes from, older ones by `Origin`. What says
    neither is no browser.

    Raises:
        HTTPException: 403.
    """
    site = request.headers.get("sec-fetch-site")
    if site is not None:
        is_ours = site in ("same-origin", "none")
    else:
        origin = request.headers.get("origin")
        is_ours = origin is None or urlsplit(origin).netloc == request.headers.get("host")
    if not is_ours:
        raise HTTPException(403, "the request comes from a page of another site; send it from a page of this one")


async def read_json(request: Request, model: type[Model]) -> Model:
    """The body as a message. What was found is not repeated.

    Raises:
        HTTPException: 413 too long, 415 not JSON.
        QueryError: it is not what was expected.
    """
    _expect(request, JSON)
    body = await read_body(request)
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
        HTTPException: 413 too long, 415 not a form.
        QueryError: it is not UTF-8, or has too many fields.
    """
    _expect(request, FORM)
    body = await read_body(request)
    try:
        pairs = parse_qsl(
            body.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=FIELDS_MAX, encoding="utf-8"
        )
    except UnicodeDecodeError:
        raise QueryError("text is not valid UTF-8; expected text in UTF-8", parameter="text") from None
    except ValueError:
        raise QueryError(f"the form has more than {FIELDS_MAX} fields; expected fewer", parameter="text") from None
    return dict(pairs)


async def read_body(request: Request, most: int = BODY_BYTES_MAX) -> bytes:
    """The body, up to a number of bytes.

    Raises:
        HTTPException: 413, with both numbers where the length was announced.
    """
    announced = request.headers.get("content-length", "")
    if announced.isdecimal() and int(announced[:20]) > most:
        raise HTTPException(413, f"the request has {announced[:20]} bytes; at most {most} are read")
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > most:
            raise HTTPException(413, f"the request has more than {most} bytes, the most that are read")
    return bytes(body)


def _expect(request: Request, media_type: str) -> None:
    """Refuse another media type: a form of another site can't send JSON. Raises HTTPException with 415."""
    found = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if found != media_type:
        raise HTTPException(415, f"the body is {found[:80] or 'of no stated type'}; expected {media_type}")

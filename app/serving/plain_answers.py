"""Answers that are written without the application: to what is not HTTP, and to one connection too many."""

from __future__ import annotations

from http import HTTPStatus
from typing import Final
from uuid import uuid4

import orjson

TYPE_PREFIX: Final = "urn:hedgescope:problem:"

HEADERS: Final = (
    (b"content-type", b"application/problem+json"),
    (b"cache-control", b"no-store"),
    (b"x-content-type-options", b"nosniff"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    (b"connection", b"close"),
)


def problem_bytes(status: int, kind: str, detail: str, more: tuple[tuple[bytes, bytes], ...] = ()) -> bytes:
    """A whole answer with a problem document (RFC 9457), after which the connection is closed."""
    phrase = HTTPStatus(status).phrase
    request_id = uuid4().hex
    document = {
        "type": TYPE_PREFIX + kind,
        "title": phrase.capitalize(),
        "status": status,
        "detail": detail,
        "request_id": request_id,
    }
    body = orjson.dumps(document)
    headers = (
        *HEADERS,
        *more,
        (b"x-request-id", request_id.encode()),
        (b"content-length", str(len(body)).encode()),
    )
    lines = [f"HTTP/1.1 {status} {phrase}".encode(), *(name + b": " + value for name, value in headers)]
    return b"\r\n".join([*lines, b"", body])

"""ETags: immutable answers about a scored comparison, and answers that must be checked each time."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from functools import cache
from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response

import app
from app.paths import resource
from app.web.http.prefix import below_prefix

IMMUTABLE = "public, max-age=600, immutable"
"""Kept for ten minutes; then a 304. Longer would keep pages of an older program after an upgrade."""

CHECK_FIRST = "no-cache"

Answer = Response | Callable[[], Response]


def immutable(request: Request, answer: Answer, content_hash: str) -> Response:
    """An answer that can only change with the program: strong ETag of content hash, version and URL.

    Args:
        request: for its URL and `If-None-Match`.
        answer: the response, or what makes it; not called where the client's copy is current.
        content_hash: of the comparison.
    """
    tag = _tag(content_hash, build_tag(), below_prefix(request.url.path), request.url.query)
    return _tagged(request, answer, tag, IMMUTABLE)


def tagged(request: Request, answer: Answer, *state: str) -> Response:
    """An answer that changes with what `state` names: strong ETag of that, checked each time."""
    tag = _tag(*state, build_tag(), below_prefix(request.url.path), request.url.query)
    return _tagged(request, answer, tag, CHECK_FIRST)


def checked(request: Request, response: Response) -> Response:
    """An answer that may change at any time: ETag of its body, checked each time."""
    return _tagged(request, response, _tag(build_tag(), bytes(response.body).hex()), CHECK_FIRST)


@cache
def build_tag() -> str:
    """Names this program's pages: its version, and the state of templates, static files and page code."""
    digest = hashlib.sha256(app.__version__.encode())
    for folder in (resource("templates"), resource("static"), Path(__file__).parents[1]):
        for path in sorted(folder.rglob("*.*")):
            if path.is_file() and path.suffix != ".pyc":
                state = path.stat()
                digest.update(f"{path.relative_to(folder)} {state.st_size} {state.st_mtime_ns}\n".encode())
    return digest.hexdigest()[:16]


def _tagged(request: Request, answer: Answer, tag: str, control: str) -> Response:
    headers = {"ETag": tag, "Cache-Control": control}
    known = _tags(request.headers.get("if-none-match", ""))
    if tag in known:
        return Response(status_code=304, headers=headers)
    response = answer if isinstance(answer, Response) else answer()
    if "*" in known:
        # `*` matches any version of a page that exists, and only building the answer shows that it does.
        return Response(status_code=304, headers=headers)
    response.headers.update(headers)
    return response


def _tag(*parts: str) -> str:
    return f'"{hashlib.sha256(chr(0).join(parts).encode()).hexdigest()[:32]}"'


def _tags(header: str) -> set[str]:
    """The tags of `If-None-Match`, to be compared weakly (RFC 9110 section 13.1.2)."""
    return {entry.strip().removeprefix("W/") for entry in header.split(",")}

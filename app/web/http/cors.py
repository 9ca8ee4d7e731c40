"""Scripts of other sites that may read the API."""

from __future__ import annotations

from collections.abc import Sequence

import orjson
from starlette.datastructures import Headers
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import Response
from starlette.types import ASGIApp

from app.web.http.errors import PROBLEM_JSON, Problem

EXPOSED = ("ETag", "Link", "X-Request-ID", "RateLimit", "RateLimit-Policy", "Retry-After")
SENT = ("Authorization", "X-API-Key", "If-None-Match")


class Cors(CORSMiddleware):
    """Starlette's, for reading only, with a problem document where it refuses.

    Args:
        app: the application to pass requests on to.
        origins: the sites.
    """

    def __init__(self, app: ASGIApp, origins: Sequence[str]) -> None:
        super().__init__(
            app, allow_origins=origins, allow_methods=["GET", "HEAD"], allow_headers=SENT, expose_headers=EXPOSED
        )

    def preflight_response(self, request_headers: Headers) -> Response:
        """What the browser may send."""
        response = super().preflight_response(request_headers)
        if response.status_code < 400:
            return response
        problem = Problem(400, "cors", "Refused", bytes(response.body).decode())
        headers = {name: value for name, value in response.headers.items() if not name.startswith("content-")}
        return Response(orjson.dumps(problem.document()), 400, headers, PROBLEM_JSON)

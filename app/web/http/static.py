"""Files for the browser, with headers that let it keep them."""

from __future__ import annotations

import os
from urllib.parse import parse_qs

from starlette.responses import Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

KEEP = "public, max-age=31536000, immutable"
"""For URLs that name a version (`?v=…`): another version has another URL."""

CHECK_FIRST = "no-cache"


class VersionedFiles(StaticFiles):
    """Static files: kept for a year under a URL with a version, checked each time under one without."""

    def file_response(
        self, full_path: str | os.PathLike[str], stat_result: os.stat_result, scope: Scope, status_code: int = 200
    ) -> Response:
        """The file, or 304 where the browser has it."""
        response = super().file_response(full_path, stat_result, scope, status_code)
        is_versioned = b"v" in parse_qs(scope["query_string"])
        response.headers["Cache-Control"] = KEEP if is_versioned else CHECK_FIRST
        return response

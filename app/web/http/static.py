"""Files for the browser, with headers that let it keep them, compressed once."""

from __future__ import annotations

import os
from functools import lru_cache
from pathlib import Path
from urllib.parse import parse_qs

from anyio import to_thread
from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.staticfiles import NotModifiedResponse, StaticFiles
from starlette.types import Scope

from app.web.http.encoding import LARGE, is_compressible, wanted, whole

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

    async def get_response(self, path: str, scope: Scope) -> Response:
        """The file; a large one compressed, as it was for the first client that took it so."""
        response = await super().get_response(path, scope)
        headers = Headers(scope=scope)
        encoding = wanted(headers.get("accept-encoding", ""))
        file = getattr(response, "path", None)
        if encoding is None or file is None or "range" in headers or not is_compressible(response.headers):
            return response
        state = Path(file).stat()
        if state.st_size < LARGE:
            return response
        body = await to_thread.run_sync(_compressed, str(file), state.st_mtime_ns, encoding)
        kept = {name: response.headers[name] for name in ("content-type", "cache-control", "last-modified")}
        made = Response(body, headers={**kept, "Content-Encoding": encoding, "Vary": "Accept-Encoding"})
        made.headers["ETag"] = f'{response.headers["etag"][:-1]}-{encoding}"'
        return NotModifiedResponse(made.headers) if self.is_not_modified(made.headers, headers) else made


@lru_cache(maxsize=16)
def _compressed(path: str, _mtime_ns: int, encoding: str) -> bytes:
    return whole(encoding)(Path(path).read_bytes())

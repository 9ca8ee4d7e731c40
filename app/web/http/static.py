"""Files for the browser, with headers that let it keep them, compressed once."""

from __future__ import annotations

import os
import re
from functools import lru_cache
from pathlib import Path
from urllib.parse import parse_qs

from anyio import to_thread
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.staticfiles import NotModifiedResponse, StaticFiles
from starlette.types import Receive, Scope, Send

from app.web.http.encoding import LARGE, is_compressible, wanted, whole

KEEP = "public, max-age=31536000, immutable"
"""For URLs that name a version (`?v=…`): another version has another URL."""

CHECK_FIRST = "no-cache"

RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})")


class VersionedFiles(StaticFiles):
    """Static files: kept for a year under a URL with a version, checked each time under one without."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer; any other `Range` than a single valid one is ignored (RFC 9110 section 14.2)."""
        if not _is_range(Headers(scope=scope).get("range", "")):
            scope = {**scope, "headers": [pair for pair in scope["headers"] if pair[0] != b"range"]}
        await super().__call__(scope, receive, send)

    def file_response(
        self, full_path: str | os.PathLike[str], stat_result: os.stat_result, scope: Scope, status_code: int = 200
    ) -> Response:
        """The file, or 304 where the browser has it."""
        response = super().file_response(full_path, stat_result, scope, status_code)
        is_versioned = "v" in parse_qs(scope["query_string"].decode("latin-1"))
        response.headers["Cache-Control"] = KEEP if is_versioned else CHECK_FIRST
        return response

    async def get_response(self, path: str, scope: Scope) -> Response:
        """The file; a large one compressed, as it was for the first client that took it so."""
        response = await super().get_response(path, scope)
        headers = Headers(scope=scope)
        encoding = wanted(headers.get("accept-encoding", ""))
        file = getattr(response, "path", None)
        if file is not None and "range" in headers:
            _check_range(headers["range"], Path(file).stat().st_size)
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


def _is_range(text: str) -> bool:
    start, end = found.groups() if (found := RANGE.fullmatch(text)) else ("", "")
    return bool(start or end) and not (start and end and int(start) > int(end))


def _check_range(text: str, size: int) -> None:
    """Refuse a range of which the file has nothing. Raises HTTPException with 416."""
    start, end = RANGE.fullmatch(text).groups()  # type: ignore[union-attr]
    if int(start or 0) >= size or (not start and int(end) == 0):
        detail = f"the range begins behind the file's last byte; it has {size:,}"
        raise HTTPException(416, detail, {"Content-Range": f"bytes */{size}"})


@lru_cache(maxsize=16)
def _compressed(path: str, _mtime_ns: int, encoding: str) -> bytes:
    return whole(encoding)(Path(path).read_bytes())

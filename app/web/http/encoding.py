"""Answers compressed as the client takes them: Brotli, else gzip."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from typing import Final, Protocol

import brotli
from anyio import to_thread
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.web.http.kept import KeptBytes

SMALLEST: Final = 500
"""Bytes; less is not worth the time."""

LARGE: Final = 64 * 1024
"""Bytes; more is compressed in a thread, so that others need not wait, and kept for the next client."""

KEPT_BYTES: Final = 32 * 1024 * 1024

TYPES: Final = ("text/", "application/json", "application/problem+json", "application/x-ndjson", "application/xml")
TYPES_TOO: Final = ("application/javascript", "image/svg+xml", "application/openapi+json")

NOT_WHOLE: Final = (204, 206, 304)

BROTLI_QUALITY: Final = 4
"""Numbers become no smaller beyond it, and take longer."""

GZIP_LEVEL: Final = 5
STREAM_LEVEL: Final = 1
"""For exports: as fast as they are made."""


class Encoder(Protocol):
    """Compresses a stream of blocks."""

    def add(self, block: bytes) -> bytes:
        """What can be sent after this block: all of it."""

    def end(self) -> bytes:
        """The rest."""


class Compression:
    """ASGI middleware that compresses what is worth it. Each encoding has an ETag of its own."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app
        self._kept = KeptBytes(KEPT_BYTES)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, and compress its answer."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        encoding = wanted(Headers(scope=scope).get("accept-encoding", ""))
        answer = _Answer(scope, send, encoding, self._kept)
        await self.app(answer.request, receive, answer.send)


class _Answer:
    """One answer on its way. Its start is held back until it is known whether all of it is there."""

    def __init__(self, scope: Scope, send: Send, encoding: str | None, kept: KeptBytes) -> None:
        self._send, self._encoding, self._kept = send, encoding, kept
        self._is_head = scope["method"] == "HEAD"
        self.request, self._known = _without_encoding(scope, encoding)
        self._start: Message | None = None
        self._stream: Encoder | None = None

    async def send(self, message: Message) -> None:
        """A message of the application."""
        if message["type"] == "http.response.start":
            await self._begin(message)
        elif message["type"] != "http.response.body":
            await self._send(message)
        elif self._start is not None:
            await self._first(message)
        elif self._stream is not None:
            await self._send({**message, "body": await self._next(message)})
        else:
            await self._send(message)

    async def _begin(self, message: Message) -> None:
        headers = MutableHeaders(scope=message)
        if not is_compressible(headers):
            if message["status"] == 304 and self._encoding is not None and self._known:
                _mark(headers, self._encoding)
            await self._send(message)
            return
        headers.add_vary_header("Accept-Encoding")
        if self._encoding is None or message["status"] in NOT_WHOLE:
            await self._send(message)
            return
        if self._is_head and "content-length" not in headers:
            # Of a stream, which is not made for this.
            _mark(headers, self._encoding)
            await self._send(message)
            return
        self._start = message

    async def _first(self, message: Message) -> None:
        assert self._start is not None
        assert self._encoding is not None
        start, self._start = self._start, None
        headers, body = MutableHeaders(scope=start), message.get("body", b"")
        if message.get("more_body", False):
            self._stream = streaming(self._encoding)
            del headers["Content-Length"]
            _mark(headers, self._encoding)
            await self._send(start)
            await self._send({**message, "body": await self._next(message)})
            return
        if len(body) >= SMALLEST:
            body = await self._whole(body, headers.get("etag"))
            _mark(headers, self._encoding)
            headers["Content-Length"] = str(len(body))
        await self._send(start)
        await self._send({**message, "body": body})

    async def _whole(self, body: bytes, tag: str | None) -> bytes:
        assert self._encoding is not None
        compress = whole(self._encoding)
        if len(body) < LARGE:
            return compress(body)
        key = None if tag is None else f"{tag} {self._encoding}"
        found = None if key is None else self._kept.get(key)
        if found is None:
            found = await to_thread.run_sync(compress, body)
            if key is not None:
                self._kept.put(key, found)
        return found

    async def _next(self, message: Message) -> bytes:
        stream, block = self._stream, message.get("body", b"")
        assert stream is not None
        made = await to_thread.run_sync(stream.add, block) if len(block) >= LARGE else stream.add(block)
        return made if message.get("more_body", False) else made + stream.end()


def wanted(accept: str) -> str | None:
    """The encoding to use after `Accept-Encoding`; None for none."""
    weights = {}
    for part in accept.split(","):
        name, _, parameters = part.partition(";")
        key, _, weight = parameters.strip().partition("=")
        weights[name.strip().lower()] = weight.strip() if key == "q" else "1"
    takes = {name for name, weight in weights.items() if weight.strip("0.") or weight.startswith("1")}
    return next((one for one in ("br", "gzip") if one in takes or ("*" in takes and one not in weights)), None)


def is_compressible(headers: Headers) -> bool:
    """Whether compressing an answer of this kind saves anything."""
    kind = headers.get("content-type", "").partition(";")[0]
    is_text = kind.startswith(TYPES) or kind in TYPES_TOO
    return is_text and kind != "text/event-stream" and "content-encoding" not in headers


def whole(encoding: str) -> Callable[[bytes], bytes]:
    """What compresses a whole body."""
    if encoding == "br":
        return lambda body: bytes(brotli.compress(body, quality=BROTLI_QUALITY))
    return lambda body: zlib.compress(body, GZIP_LEVEL, wbits=31)


def streaming(encoding: str) -> Encoder:
    """What compresses a stream."""
    return _Brotli() if encoding == "br" else _Gzip()


class _Brotli:
    def __init__(self) -> None:
        self._compressor = brotli.Compressor(quality=STREAM_LEVEL)

    def add(self, block: bytes) -> bytes:
        return bytes(self._compressor.process(block) + self._compressor.flush())

    def end(self) -> bytes:
        return bytes(self._compressor.finish())


class _Gzip:
    def __init__(self) -> None:
        self._compressor = zlib.compressobj(STREAM_LEVEL, wbits=31)

    def add(self, block: bytes) -> bytes:
        return self._compressor.compress(block) + self._compressor.flush(zlib.Z_SYNC_FLUSH)

    def end(self) -> bytes:
        return self._compressor.flush()


def _mark(headers: MutableHeaders, encoding: str) -> None:
    """Say how the body is encoded; a strong ETag is of these very bytes."""
    if "content-type" in headers:
        headers["Content-Encoding"] = encoding
    tag = headers.get("etag")
    if tag is not None and tag.endswith('"'):
        headers["ETag"] = f'{tag[:-1]}-{encoding}"'


def _without_encoding(scope: Scope, encoding: str | None) -> tuple[Scope, bool]:
    """The request with the ETags that it knows as the application makes them; whether one was of this encoding."""
    ending = f'-{encoding}"'.encode()
    is_known = False
    headers = []
    for name, value in scope["headers"]:
        if name == b"if-none-match" and encoding is not None and ending in value:
            is_known, value = True, value.replace(ending, b'"')
        headers.append((name, value))
    return ({**scope, "headers": headers} if is_known else scope), is_known

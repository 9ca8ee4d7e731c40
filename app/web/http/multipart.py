"""Forms with files, read piece by piece as they arrive: no file is ever whole in memory."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request

from app.errors import QueryError

MEDIA_TYPE = "multipart/form-data"
MOST_HEADER_BYTES = 4096


@dataclass(frozen=True)
class Piece:
    """Some bytes of one part of a form.

    Attributes:
        field: name of the part.
        file: name of its file as the client gives it; None for a plain field.
        data: the bytes.
        is_last: whether the part ends with them.
    """

    field: str
    file: str | None
    data: bytes
    is_last: bool


class _Parts:
    """Callbacks of the parser: what arrived, as pieces."""

    def __init__(self) -> None:
        self.pieces: list[Piece] = []
        self._name, self._value = b"", b""
        self._headers: dict[bytes, bytes] = {}
        self._part: tuple[str, str | None] = ("", None)

    def on_part_begin(self) -> None:
        self._headers = {}

    def on_header_field(self, data: bytes, start: int, end: int) -> None:
        self._name += data[start:end]

    def on_header_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def on_header_end(self) -> None:
        self._headers[self._name.lower()] = self._value
        self._name, self._value = b"", b""

    def on_headers_finished(self) -> None:
        from python_multipart.multipart import parse_options_header

        _, options = parse_options_header(self._headers.get(b"content-disposition", b""))
        file = options.get(b"filename")
        self._part = (
            options.get(b"name", b"").decode("utf-8", "replace"),
            None if file is None else file.decode("utf-8", "replace"),
        )

    def on_part_data(self, data: bytes, start: int, end: int) -> None:
        self.pieces.append(Piece(*self._part, data[start:end], is_last=False))

    def on_part_end(self) -> None:
        self.pieces.append(Piece(*self._part, b"", is_last=True))

    def taken(self) -> list[Piece]:
        """What arrived since the last look."""
        pieces, self.pieces = self.pieces, []
        return pieces


async def pieces(request: Request) -> AsyncIterator[Piece]:
    """A form's parts in order.

    Raises:
        QueryError: the body is not a form with files, or ends too early.
        ClientDisconnect: the client has left, or sends nothing more.
    """
    from python_multipart.exceptions import MultipartParseError
    from python_multipart.multipart import MultipartParser, parse_options_header

    kind, options = parse_options_header(request.headers.get("content-type", ""))
    boundary = options.get(b"boundary")
    if kind != MEDIA_TYPE.encode() or not boundary:
        raise QueryError(f"the media type of the body is not {MEDIA_TYPE}; send a form with files", parameter="body")
    parts = _Parts()
    names = ("on_part_begin", "on_header_field", "on_header_value", "on_header_end", "on_headers_finished")
    callbacks: Any = {name: getattr(parts, name) for name in (*names, "on_part_data", "on_part_end")}
    try:
        parser = MultipartParser(boundary, callbacks, max_header_size=MOST_HEADER_BYTES)
        async for chunk in request.stream():
            parser.write(chunk)
            for piece in parts.taken():
                yield piece
        parser.finalize()
    except MultipartParseError as error:
        raise QueryError(f"the form can't be read ({error}); send it again", parameter="body") from error

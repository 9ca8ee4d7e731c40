"""HTTP connections that do not wait for silent clients for ever, and of which each client gets a share."""

from __future__ import annotations

import asyncio
import sys
from collections import Counter
from typing import Any, ClassVar, Final

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from app.serving.plain_answers import problem_bytes

HEADERS_TIMEOUT_S: Final = 20.0
"""From the opening of a connection, or the first byte of a further request, to the end of the headers. Uvicorn limits
only the silence between requests, so slow connections would pile up until none is left for others."""

READING_TIMEOUT_S: Final = 60.0
"""For a client to read the 64 KiB of an answer that are written ahead."""
MAX_CONNECTIONS: Final = 1000
"""At once; one more is answered with status 503."""

OPEN_FILES: Final = 4 * MAX_CONNECTIONS
"""That the server may have, if the system lets it: those that are refused also need one until they are closed."""

MAX_OF_ONE_CLIENT: Final = 250
"""Of them from one address."""

LINGER_S: Final = 1.0
"""After an answer that ends a connection early: what the client still sends is dropped. A connection that is closed
with unread bytes is reset, and the client never sees the answer."""


class Connection(H11Protocol):
    """Uvicorn's connection, closed if a request's headers do not arrive in time or its answer is not read.

    What is not HTTP, and a connection too many, are answered with a problem document.
    """

    max_of_one_client: ClassVar[int] = MAX_OF_ONE_CLIENT

    _open: ClassVar[Counter[tuple[int, str]]] = Counter()
    _counted: tuple[int, str] | None = None
    _is_over = False
    _headers: asyncio.TimerHandle | None = None
    _reading: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        """A client has connected."""
        super().connection_made(transport)
        self._counted = id(self.server_state), self.client[0] if self.client else ""
        self._open[self._counted] += 1
        if self._open[self._counted] > self.max_of_one_client:
            # Not among those that are counted for all: many of them must not keep others out while they end.
            self.connections.discard(self)
            self._end(503, "busy", f"more than {self.max_of_one_client} connections from one address")
        elif len(self.connections) > MAX_CONNECTIONS:
            self._end(503, "busy", "the server has too many connections; try again in a moment")
        else:
            self._await_headers()

    def data_received(self, data: bytes) -> None:
        """Bytes of headers or of a body have arrived."""
        if self._is_over:
            return
        super().data_received(data)
        self._await_headers()

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is gone."""
        if self._counted is not None:
            self._open[self._counted] -= 1
            if not self._open[self._counted]:
                del self._open[self._counted]
        _stop(self._headers)
        _stop(self._reading)
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        """The client reads more slowly than the answer is written."""
        super().pause_writing()
        _stop(self._reading)
        self._reading = self.loop.call_later(READING_TIMEOUT_S, self.transport.abort)

    def resume_writing(self) -> None:
        """The client has read what was waiting."""
        super().resume_writing()
        _stop(self._reading)

    def send_400_response(self, msg: str) -> None:
        """What came is not HTTP, or its head is too long: the name is Uvicorn's."""
        error = sys.exc_info()[1]
        status = error.error_status_hint if isinstance(error, h11.RemoteProtocolError) else 400
        if status == 431 and b"\n" not in self.conn.trailing_data[0]:
            status = 414
        details = {414: "the address is longer than 64 KiB", 431: "the headers are longer than 64 KiB"}
        self._end(status, "not-http", details.get(status, "this is not a valid HTTP request"))

    def _end(self, status: int, kind: str, detail: str) -> None:
        """Answer, where no answer has begun, and close the connection when the client has had time to read it."""
        self._is_over = True
        _stop(self._headers)
        if self.cycle is not None:
            # A request whose body turns out to be none: its answer is this one.
            self.cycle.disconnected = True
            self.cycle.message_event.set()
        if self.transport.is_closing():
            return
        if self.conn.our_state in (h11.IDLE, h11.SEND_RESPONSE):
            more = ((b"retry-after", b"5"),) if status == 503 else ()
            self.transport.write(problem_bytes(status, kind, detail, more))
            if self.transport.can_write_eof():
                self.transport.write_eof()
        self.loop.call_later(LINGER_S, self.transport.close)

    def _await_headers(self) -> None:
        is_answering = self.cycle is not None and not self.cycle.response_complete
        if is_answering or self._is_over:
            _stop(self._headers)
            self._headers = None
        elif self._headers is None:
            self._headers = self.loop.call_later(HEADERS_TIMEOUT_S, self._give_up)

    def _give_up(self) -> None:
        self._headers = None
        if not self.transport.is_closing():
            self.transport.close()


def _stop(timer: asyncio.TimerHandle | None) -> None:
    if timer is not None:
        timer.cancel()

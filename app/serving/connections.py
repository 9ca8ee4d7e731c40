"""HTTP connections that do not wait for silent clients for ever."""

from __future__ import annotations

import asyncio
from typing import Any, Final

from uvicorn.protocols.http.h11_impl import H11Protocol

HEADERS_TIMEOUT_S: Final = 20.0
"""From the opening of a connection, or the first byte of a further request, to the end of the headers. Uvicorn limits
only the silence between requests, so slow connections would pile up until none is left for others."""

READING_TIMEOUT_S: Final = 60.0
"""For a client to read the 64 KiB of an answer that are written ahead."""


class Connection(H11Protocol):
    """Uvicorn's connection, closed if a request's headers do not arrive in time or its answer is not read."""

    _headers: asyncio.TimerHandle | None = None
    _reading: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        """A client has connected."""
        super().connection_made(transport)
        self._await_headers()

    def data_received(self, data: bytes) -> None:
        """Bytes of headers or of a body have arrived."""
        super().data_received(data)
        self._await_headers()

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is gone."""
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

    def _await_headers(self) -> None:
        is_answering = self.cycle is not None and not self.cycle.response_complete
        if is_answering:
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

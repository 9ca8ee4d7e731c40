"""Running an application until a signal stops it, in order and in time."""

from __future__ import annotations

import logging
import resource
import signal
import socket
from collections.abc import Callable
from types import FrameType
from typing import TYPE_CHECKING

import uvicorn

from app.serving.connections import MAX_OF_ONE_CLIENT, OPEN_FILES, Connection

if TYPE_CHECKING:
    from starlette.types import ASGIApp

log = logging.getLogger(__name__)


class _Server(uvicorn.Server):
    """Calls `on_stop` before it waits for requests to end, since streams end only then."""

    def __init__(self, config: uvicorn.Config, on_stop: Callable[[], None]) -> None:
        super().__init__(config)
        self._on_stop = on_stop

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        log.info("stopping; requests that are under way get %s s", self.config.timeout_graceful_shutdown)
        self._on_stop()
        await super().shutdown(sockets)
        log.info("stopped")


def serve_until_stopped(
    app: ASGIApp,
    listener: socket.socket,
    *,
    shutdown_timeout_s: float,
    on_stop: Callable[[], None] = lambda: None,
    max_of_one_client: int = MAX_OF_ONE_CLIENT,
) -> None:
    """Serve on a listening socket until SIGTERM or Ctrl-C; then finish the requests that are under way, and return.

    Args:
        app: the application.
        listener: a bound and listening socket; closed at the end.
        shutdown_timeout_s: for requests that are under way; what is left then is cancelled.
        on_stop: called in the event loop when stopping begins, while requests are still under way.
        max_of_one_client: connections from one address at once.
    """
    config = uvicorn.Config(
        app,
        http=type("Connection", (Connection,), {"max_of_one_client": max_of_one_client}),
        ws="none",
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=max(1, round(shutdown_timeout_s)),
    )
    # Uvicorn stops in order at the first signal, and then raises it again for its caller. By then all is done, and
    # what follows this function has to run too.
    _allow_files(OPEN_FILES)
    former = {name: signal.signal(name, _nothing_more) for name in (signal.SIGTERM, signal.SIGINT)}
    try:
        _Server(config, on_stop).run(sockets=[listener])
    finally:
        for name, handler in former.items():
            signal.signal(name, handler)


def _allow_files(wanted: int) -> None:
    """Raise the limit of open files, as far as the system lets this user do it."""
    now, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    allowed = wanted if most == resource.RLIM_INFINITY else min(wanted, most)
    if now != resource.RLIM_INFINITY and now < allowed:
        resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, most))


def _nothing_more(_number: int, _frame: FrameType | None) -> None:
    """Ignore the signal that has already stopped the server."""

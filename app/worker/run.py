"""The worker as a process: put together, served, ended when its parent is gone."""

from __future__ import annotations

import json
import os
import socket
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import TextIO

import uvicorn
from fastapi import FastAPI
from sqlalchemy import Engine

from app.pipeline.register import open_recorded
from app.sae.load import refuse_unsafe_torch_load
from app.settings import Settings
from app.store.read import get_comparison
from app.worker.app import create_worker_app
from app.worker.holding import Holding, choose_device, choose_dtype
from app.worker.memory import MIB, Memory
from app.worker.preflight import look_at
from app.worker.service import Service

GRACE_S = 10.0
"""Seconds that answers under way have to end once the worker is told to stop."""


def make_app(settings: Settings, engine: Engine, secret: str) -> FastAPI:
    """The worker's application over a database.

    Raises:
        SaeError: torch is set up to run code from weight files.
    """
    refuse_unsafe_torch_load()
    device = choose_device(settings.worker_device)
    holding = Holding(
        Memory(settings.worker_memory_mib * MIB),
        partial(open_recorded, engine),
        cache_dir=settings.data_dir / "models",
        device=device,
        dtype=choose_dtype(settings.worker_dtype, device),
    )
    service = Service(settings, holding, partial(get_comparison, engine))
    return create_worker_app(service, secret, partial(look_at, engine, settings.data_dir, holding))


def serve(app: FastAPI, listener: socket.socket, log_level: str, parent: TextIO | None = None) -> None:
    """Serve until stopped.

    Args:
        parent: a pipe that ends when the parent process does; None where nobody's end ends the worker.
    """
    config = uvicorn.Config(
        app, log_level=log_level, access_log=False, timeout_graceful_shutdown=int(GRACE_S), timeout_keep_alive=75
    )
    server = uvicorn.Server(config)
    if parent is not None:
        threading.Thread(target=_end_with, args=(parent, partial(_stop, server)), daemon=True).start()
    with suppress(KeyboardInterrupt):
        server.run(sockets=[listener])


def announce(listener: socket.socket, output: TextIO = sys.stdout) -> None:
    """Tell the parent process, on one line, which port was taken."""
    output.write(json.dumps({"port": listener.getsockname()[1]}) + "\n")
    output.flush()


def _stop(server: uvicorn.Server) -> None:
    server.should_exit = True


def _end_with(parent: TextIO, stop: Callable[[], None]) -> None:
    """Stop when the parent is gone: in order where that works, at once where it doesn't."""
    while parent.read(4096):
        pass
    stop()
    threading.Event().wait(GRACE_S + 5)
    os._exit(1)

"""The worker as a process: put together, served, ended when its parent is gone."""

from __future__ import annotations

import json
import os
import signal
import socket
import sys
import threading
from functools import partial
from typing import TextIO

from fastapi import FastAPI
from sqlalchemy import Engine

from app.activations.device import choose_device
from app.inference.server.app import create_worker_app
from app.inference.server.loaded import LoadedModels, WorkersShelf, choose_dtype
from app.inference.server.memory import MIB, Memory
from app.inference.server.service import Service
from app.pipeline.dry_run import preflight
from app.pipeline.register import open_recorded
from app.records import ComparisonSummary
from app.sae.load import refuse_unsafe_torch_load
from app.serving.server import serve_until_stopped
from app.settings import Settings
from app.store.read import get_comparison, list_comparisons


def make_app(settings: Settings, engine: Engine, secret: str) -> FastAPI:
    """The worker's application over a database.

    Raises:
        SaeError: torch is set up to run code from weight files.
        SettingsError: the device does not exist.
    """
    refuse_unsafe_torch_load()
    device = choose_device(settings.worker_device)
    models = LoadedModels(
        Memory(settings.worker_memory_mib * MIB),
        partial(open_recorded, engine),
        cache_dir=settings.data_dir / "models",
        device=device,
        dtype=choose_dtype(settings.worker_dtype, device),
    )
    look = partial(preflight, engine, settings, WorkersShelf(models))
    newest = partial(_newest_to_read, engine) if settings.worker_warm_up else None
    service = Service(settings, models, partial(get_comparison, engine), look, newest)
    return create_worker_app(service, secret)


def _newest_to_read(engine: Engine) -> ComparisonSummary | None:
    """The newest comparison that prompts can be read with."""
    return next((each for each in list_comparisons(engine) if each.model_name and each.hook_name), None)


def serve(app: FastAPI, listener: socket.socket, settings: Settings, parent: TextIO | None = None) -> None:
    """Serve until stopped.

    Args:
        parent: a pipe that ends when the parent process does, and with it the worker; None for a worker on its own.
    """
    if parent is not None:
        threading.Thread(target=_end_with, args=(parent, settings.shutdown_timeout_s), daemon=True).start()
    serve_until_stopped(app, listener, shutdown_timeout_s=settings.shutdown_timeout_s)


def announce(listener: socket.socket, output: TextIO = sys.stdout) -> None:
    """Tell the parent process, on one line, which port was taken."""
    output.write(json.dumps({"port": listener.getsockname()[1]}) + "\n")
    output.flush()


def _end_with(parent: TextIO, shutdown_timeout_s: float) -> None:
    """Stop when the parent is gone: in order where that works, at once where it doesn't."""
    while parent.read(4096):
        pass
    os.kill(os.getpid(), signal.SIGTERM)
    threading.Event().wait(shutdown_timeout_s + 5)
    os._exit(1)

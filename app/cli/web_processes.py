"""Further processes of `serve` that answer on the same address, so that more than one core is used."""

from __future__ import annotations

import json
import os
import signal
import socket
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from app.cli.child import Child, command_of
from app.errors import NoWorkerError, WorkerError, WorkerStartsError
from app.inference.client import Address, Where
from app.settings import Settings, load_settings

PUBLISH_S = 0.5
"""Between two looks at where the inference worker is, for the other processes."""


@contextmanager
def further_processes(settings: Settings, listener: socket.socket, where: Where) -> Iterator[Callable[[], None]]:
    """All but the first of the processes that serve; each is started again where it ends.

    Args:
        listener: what all of them answer on.
        where: the inference worker, as this process knows it.

    Yields:
        What asks them to stop before the block ends; returns at once.
    """
    if settings.processes == 1:
        yield lambda: None
        return
    with (
        tempfile.TemporaryDirectory(prefix="hedgescope-") as folder,
        _published(where, Path(folder)) as file,
    ):
        token = settings.jobs_token
        sent = {
            "fd": str(listener.fileno()),
            "worker": str(file),
            "jobs_token": "" if token is None else token.get_secret_value(),
        }
        children = [
            Child(
                f"web process {number}",
                command_of("serve"),
                settings,
                stop_s=settings.shutdown_timeout_s,
                extra=sent,
                pass_fds=(listener.fileno(),),
            )
            for number in range(2, settings.processes + 1)
        ]
        for child in children:
            child.start()

        def request_stop() -> None:
            for child in children:
                child.request_stop()

        try:
            yield request_stop
        finally:
            for child in children:
                child.stop()


def parts_of_child(sent: dict[str, Any]) -> tuple[Settings, socket.socket, Where]:
    """(settings, listener, where the inference worker is) of such a process, from what its parent sent."""
    token = sent["jobs_token"] or None
    settings = load_settings(**{**sent["settings"], "jobs_token": token})
    threading.Thread(target=_end_with_parent, daemon=True).start()
    return settings, socket.socket(fileno=int(sent["fd"])), lambda: _read(Path(sent["worker"]))


def _end_with_parent() -> None:
    """Standard input ends when the parent does, however that ends."""
    sys.stdin.read()
    os.kill(os.getpid(), signal.SIGTERM)


@contextmanager
def _published(where: Where, folder: Path) -> Iterator[Path]:
    """A file that says where the worker is; only this user can read it."""
    file = folder / "worker.json"
    file.touch(mode=0o600)
    over = threading.Event()

    def publish() -> None:
        known = ""
        while not over.is_set():
            found = _as_text(where)
            if found != known:
                fresh = file.with_suffix(".new")
                fresh.touch(mode=0o600)
                fresh.write_text(found)
                fresh.replace(file)
                known = found
            over.wait(PUBLISH_S)

    thread = threading.Thread(target=publish, daemon=True)
    thread.start()
    try:
        yield file
    finally:
        over.set()
        thread.join()


def _as_text(where: Where) -> str:
    try:
        address = where()
    except WorkerError as error:
        return json.dumps({"kind": type(error).__name__, "reason": error.detail})
    return json.dumps({"url": address.url, "secret": address.secret.get_secret_value()})


def _read(file: Path) -> Address:
    try:
        found = json.loads(file.read_text())
    except (OSError, ValueError):
        raise WorkerStartsError("the inference worker is starting; try again in a moment") from None
    if "reason" in found:
        raise (NoWorkerError if found["kind"] == NoWorkerError.__name__ else WorkerStartsError)(found["reason"])
    return Address(found["url"], SecretStr(found["secret"]))

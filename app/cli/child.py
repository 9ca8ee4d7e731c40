"""A worker of `serve`'s own: started as a child process, started again when it dies, ended with its parent."""

from __future__ import annotations

import json
import logging
import secrets
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path
from typing import IO

from pydantic import SecretStr

import app
from app.errors import WorkerError
from app.inference.client import Address, Where, fixed, nowhere
from app.settings import Settings

NEEDED = ("torch", "transformers", "sae_lens")
"""What a worker can't do without."""

ROOT = str(Path(app.__file__).parents[1])
COMMAND = (
    *(sys.executable, "-P", "-c"),
    f"import sys; sys.path.insert(0, {ROOT!r}); from app.cli import main; main()",
    *("worker", "--supervised"),
)
"""The same program as this process runs, whatever the working directory holds."""

FIRST_PAUSE_S = 1.0
LONGEST_PAUSE_S = 60.0
STEADY_S = 60.0
"""A worker that ran this long has started well: the next pause is short again."""

START_S = 180.0
"""Seconds a worker may take until it listens; importing torch on a busy machine can take a minute."""

STOP_S = 4.0
"""Seconds it has to end in order."""

log = logging.getLogger(__name__)


class WorkerChild:
    """Keeps a worker running.

    The secret and the settings go to it by the pipe that is its standard input; no list of processes
    shows them. The same pipe ends when this process does, however it does, and the worker ends with it.

    Args:
        settings: of this process, and of the worker's.
        command: what to run.
        first_pause_s: before a worker that died is started again; doubled each time, up to a minute.
    """

    def __init__(
        self, settings: Settings, command: Sequence[str] = COMMAND, *, first_pause_s: float = FIRST_PAUSE_S
    ) -> None:
        self._settings = settings
        self._command = tuple(command)
        self._first_pause_s = first_pause_s
        self._secret = secrets.token_urlsafe(32)
        self._address: Address | None = None
        self._reason = "the inference worker is starting; try again in a moment"
        self._stopping = threading.Event()
        self._process: subprocess.Popen[str] | None = None
        self._thread = threading.Thread(target=self._keep_running, name="worker-child", daemon=True)

    def start(self) -> None:
        """Start it; returns at once, the worker takes some seconds."""
        self._thread.start()

    def stop(self) -> None:
        """End it: in order where it does, else by force."""
        self._stopping.set()
        process = self._process
        if process is not None and process.poll() is None:
            _close(process.stdin)
            try:
                process.wait(STOP_S)
            except subprocess.TimeoutExpired:
                process.kill()
        self._thread.join(STOP_S)

    @property
    def pid(self) -> int | None:
        """Process id of the worker that is running now."""
        process = self._process
        return None if process is None or process.poll() is not None else process.pid

    def where(self) -> Address:
        """Where it listens. Raises WorkerError, with the reason, while it doesn't."""
        address = self._address
        if address is None:
            raise WorkerError(self._reason)
        return address

    def _keep_running(self) -> None:
        pause = self._first_pause_s
        while not self._stopping.is_set():
            started = time.monotonic()
            code = self._run_once()
            if self._stopping.is_set():
                return
            pause = self._first_pause_s if time.monotonic() - started > STEADY_S else pause
            self._reason = "the inference worker has stopped; it is being started again, try again in a moment"
            log.warning("the worker ended with status %s; starting it again in %g s", code, pause)
            self._stopping.wait(pause)
            pause = min(2 * pause, LONGEST_PAUSE_S)

    def _run_once(self) -> int:
        """Run a worker until it ends; its exit status."""
        with subprocess.Popen(  # noqa: S603 - this program itself
            self._command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True
        ) as process:
            self._process = process
            if self._stopping.is_set():
                process.kill()
            late = threading.Timer(START_S, process.kill)
            late.daemon = True
            late.start()
            try:
                self._send_settings(process.stdin)
                port = _port_of(process.stdout)
                late.cancel()
                if port is not None:
                    self._address = Address(f"http://127.0.0.1:{port}", SecretStr(self._secret))
                return process.wait()
            finally:
                late.cancel()
                self._address = None
                _close(process.stdin)

    def _send_settings(self, pipe: IO[str] | None) -> None:
        assert pipe is not None
        settings = self._settings.model_dump(mode="json", exclude={"worker_secret"})
        with suppress(OSError):  # it is gone already: its exit status says so
            pipe.write(json.dumps({"secret": self._secret, "settings": settings}) + "\n")
            pipe.flush()


@contextmanager
def worker_for(settings: Settings) -> Iterator[tuple[Where, str | None]]:
    """Where the pages' worker is: the configured one, one of this process's own, or none.

    Yields:
        (where, why there is none; None where there is one).
    """
    if settings.worker_url is not None:
        yield fixed(settings.worker_url, settings.worker_secret), None
        return
    if not settings.start_worker:
        reason = "no inference worker is set up: HEDGESCOPE_START_WORKER is off and HEDGESCOPE_WORKER_URL is not set"
        yield nowhere(reason), None
        return
    missing = [name for name in NEEDED if find_spec(name) is None]
    if missing:
        reason = f"no inference worker: {', '.join(missing)} not installed here, and HEDGESCOPE_WORKER_URL is not set"
        yield nowhere(reason), reason
        return
    child = WorkerChild(settings)
    child.start()
    try:
        yield child.where, None
    finally:
        child.stop()


def _port_of(pipe: IO[str] | None) -> int | None:
    """The port that a worker tells when it listens; None where it ends before."""
    assert pipe is not None
    line = pipe.readline()
    try:
        return int(json.loads(line)["port"])
    except (ValueError, KeyError, TypeError):
        return None


def _close(pipe: IO[str] | None) -> None:
    if pipe is not None:
        with suppress(OSError):
            pipe.close()

"""The inference worker that `serve` starts: where it listens, and why there is none."""

from __future__ import annotations

import json
import secrets
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from typing import IO

from pydantic import SecretStr

from app.cli.child import FIRST_PAUSE_S, Child, close, command_of, kill_after
from app.errors import WorkerStartsError
from app.inference.client import Address, Where, fixed, nowhere
from app.settings import Settings

NEEDED = ("torch", "transformers", "sae_lens")
"""What a worker can't do without."""

START_S = 180.0
"""Seconds a worker may take until it listens; importing torch on a busy machine can take a minute."""

STOP_S = 4.0
"""Seconds it has to end in order."""


class WorkerChild(Child):
    """Keeps a worker running. Its standard input ends when this process does, and the worker ends with it.

    Args:
        settings: of this process, and of the worker's.
        command: what to run.
        first_pause_s: before a worker that ended is started again; doubled each time, up to a minute.
    """

    reads_output = True

    def __init__(
        self, settings: Settings, command: Sequence[str] | None = None, *, first_pause_s: float = FIRST_PAUSE_S
    ) -> None:
        self._secret = secrets.token_urlsafe(32)
        super().__init__(
            "inference worker",
            command or command_of("worker"),
            settings,
            stop_s=STOP_S,
            extra={"secret": self._secret},
            first_pause_s=first_pause_s,
        )
        self._address: Address | None = None
        self._reason = "the inference worker is starting; try again in a moment"

    def where(self) -> Address:
        """Where it listens. Raises WorkerError, with the reason, while it doesn't."""
        address = self._address
        if address is None:
            raise WorkerStartsError(self._reason)
        return address

    def _attend(self, process: subprocess.Popen[str]) -> None:
        late = kill_after(START_S, process)
        late.start()
        try:
            port = _port_of(process.stdout)
            late.cancel()
            if port is not None:
                self._address = Address(f"http://127.0.0.1:{port}", SecretStr(self._secret))
            process.wait()
        finally:
            late.cancel()
            self._reason = "the inference worker has stopped; it is being started again, try again in a moment"
            self._address = None

    def _ask_to_end(self, process: subprocess.Popen[str]) -> None:
        close(process.stdin)


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
    """The port that a worker announces when it listens; None where it ends before."""
    assert pipe is not None
    line = pipe.readline()
    try:
        return int(json.loads(line)["port"])
    except (ValueError, KeyError, TypeError):
        return None

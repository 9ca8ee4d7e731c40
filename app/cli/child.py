"""A child process of `serve`: another command of this program, started again when it ends."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO, Annotated, Any

import typer

import app
from app.settings import Settings

ROOT = str(Path(app.__file__).parents[1])
"""On the child's path, so that it runs the same program whatever the working directory holds."""

FIRST_PAUSE_S = 1.0
LONGEST_PAUSE_S = 60.0
STEADY_S = 60.0
"""A child that ran this long has started well: the next pause is short again."""

GRACE_S = 1.0
"""Beyond the time it has to end, for killing it."""

PRIVATE = {"worker_secret", "jobs_token"}
"""Settings that children do without."""

IsChild = Annotated[bool, typer.Option("--child", hidden=True)]
"""Whether `serve` started the command, which then reads its settings from its standard input."""

log = logging.getLogger(__name__)


def command_of(name: str) -> tuple[str, ...]:
    """The command line of a child that runs `hedgescope NAME`."""
    code = f"import sys; sys.path.insert(0, {ROOT!r}); from app.cli import main; main()"
    return sys.executable, "-P", "-c", code, name, "--child"


def received() -> dict[str, Any]:
    """What the parent sent to this child: its `settings`, and what else the command needs."""
    sent: dict[str, Any] = json.loads(sys.stdin.readline())
    return sent


def close(pipe: IO[str] | None) -> None:
    """Close a pipe, whether or not somebody is left at its other end."""
    if pipe is not None:
        with suppress(OSError):
            pipe.close()


class Child:
    """Keeps a process running.

    Settings and secrets go to it through the pipe that is its standard input, so that no list of processes shows them.
    The process has a session of its own: Ctrl-C in the terminal is for its parent, which then stops it.

    Args:
        name: of the process in the log.
        command: what to run.
        settings: of this process and of the child.
        stop_s: seconds it has to end once it is asked to.
        extra: what is sent with the settings.
        first_pause_s: before it is started again; doubled each time, up to a minute.
        pass_fds: open files that it gets.
    """

    reads_output = False
    """Whether its standard output is a pipe to this process."""

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        settings: Settings,
        *,
        stop_s: float,
        extra: Mapping[str, str] | None = None,
        first_pause_s: float = FIRST_PAUSE_S,
        pass_fds: Sequence[int] = (),
    ) -> None:
        self.name = name
        self._pass_fds = tuple(pass_fds)
        self._command = tuple(command)
        self._sent = {"settings": settings.model_dump(mode="json", exclude=PRIVATE), **(extra or {})}
        self._stop_s = stop_s
        self._first_pause_s = first_pause_s
        self._stopping = threading.Event()
        self._process: subprocess.Popen[str] | None = None
        self._thread = threading.Thread(target=self._keep_running, name=f"{name} child", daemon=True)

    @property
    def pid(self) -> int | None:
        """Process id of the child that is running now."""
        process = self._process
        return None if process is None or process.poll() is not None else process.pid

    def start(self) -> None:
        """Start it; returns at once."""
        self._thread.start()

    def request_stop(self) -> None:
        """Ask it to end; returns at once. It is killed if it takes too long."""
        self._stopping.set()
        process = self._process
        if process is not None and process.poll() is None:
            self._ask_to_end(process)
            kill_after(self._stop_s, process).start()

    def stop(self) -> None:
        """Ask it to end, and wait until it has."""
        if not self._stopping.is_set():
            self.request_stop()
        self._thread.join(self._stop_s + GRACE_S)

    def _attend(self, process: subprocess.Popen[str]) -> None:
        """Whatever is to be done with the process once it has its settings; returns when there is nothing left."""

    def _ask_to_end(self, process: subprocess.Popen[str]) -> None:
        process.terminate()

    def _keep_running(self) -> None:
        pause = self._first_pause_s
        while not self._stopping.is_set():
            started = time.monotonic()
            code = self._run_once()
            if self._stopping.is_set():
                return
            pause = self._first_pause_s if time.monotonic() - started > STEADY_S else pause
            log.warning("the %s ended with status %s; starting it again in %g s", self.name, code, pause)
            self._stopping.wait(pause)
            pause = min(2 * pause, LONGEST_PAUSE_S)

    def _run_once(self) -> int:
        """Run the process until it ends; its exit status."""
        output = subprocess.PIPE if self.reads_output else None
        with subprocess.Popen(  # noqa: S603 - this program itself
            self._command,
            stdin=subprocess.PIPE,
            stdout=output,
            text=True,
            start_new_session=True,
            pass_fds=self._pass_fds,
        ) as process:
            self._process = process
            if self._stopping.is_set():
                process.kill()
            try:
                self._send(process.stdin)
                self._attend(process)
                return process.wait()
            finally:
                close(process.stdin)

    def _send(self, pipe: IO[str] | None) -> None:
        assert pipe is not None
        with suppress(OSError):  # it is gone already: its exit status says so
            pipe.write(json.dumps(self._sent) + "\n")
            pipe.flush()


def kill_after(seconds: float, process: subprocess.Popen[str]) -> threading.Timer:
    """A timer, not started yet, that kills a process."""
    timer = threading.Timer(seconds, process.kill)
    timer.daemon = True
    return timer

"""`hedgescope jobs`: works on the jobs that pages and API ask for; `serve` starts it as a child."""

from __future__ import annotations

import json
import logging
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Annotated

import typer

import app
from app.errors import StoreError
from app.settings import Settings

if TYPE_CHECKING:
    from sqlalchemy import Engine

RESTART_S = 5.0
"""Between a worker's unexpected end and the next one's start."""

LOOK_S = 1.0
ROOT = str(Path(app.__file__).parents[1])
COMMAND = (
    *(sys.executable, "-P", "-c"),
    f"import sys; sys.path.insert(0, {ROOT!r}); from app.cli import main; main()",
    *("jobs", "--child"),
)
"""The same program as this process runs, whatever the working directory holds."""

HANDED_ON = (
    *("database_url", "data_dir", "input_dir", "shards", "device", "rows_per_forward"),
    *("job_lease_s", "log_level", "log_format"),
)
"""Settings that the child works with."""

Child = Annotated[bool, typer.Option("--child", hidden=True)]

log = logging.getLogger(__name__)


def jobs(child: Child = False) -> None:
    """Run jobs until stopped: comparisons and registrations requested through the pages or the API.

    Job runners that share a PostgreSQL database and a data folder share the shards of each job.
    """
    from app import logs
    from app.cli.store import open_store
    from app.settings import load_settings

    # By a pipe, where no list of processes and no environment shows a password.
    settings = load_settings(**(json.loads(sys.stdin.readline()) if child else {}))
    logs.configure(level=settings.log_level, form=settings.log_format, service="jobs", secrets=settings.secrets)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _setting(stop))
    parent = os.getppid()

    def is_orphan() -> bool:
        return child and os.getppid() != parent

    engine = open_store(settings)
    is_wanted = _wait_for_work(engine, stop, is_orphan)
    engine.dispose()
    if is_wanted:
        from app.pipeline.job_steps import run_jobs

        run_jobs(settings, stop, is_over=is_orphan)


def _setting(stop: threading.Event) -> Callable[[int, FrameType | None], None]:
    def end(_number: int, _frame: FrameType | None) -> None:
        stop.set()

    return end


def _wait_for_work(engine: Engine, stop: threading.Event, is_over: Callable[[], bool]) -> bool:
    """Wait for a job before torch is loaded, which takes seconds and half a gigabyte; False where none came."""
    from app.jobs.leases import is_anything_free

    while not stop.is_set():
        try:
            if is_anything_free(engine):
                return True
        except StoreError as error:
            log.warning("can't look for jobs now: %s", error)
        if is_over():
            return False
        stop.wait(LOOK_S)
    return False


@contextmanager
def job_worker(settings: Settings) -> Iterator[Callable[[], None]]:
    """A child process that works on jobs while the block runs, started again where it ends.

    None is started where torch is not installed, or workers run elsewhere. Where this process is killed, the child
    finishes the jobs there are before it ends.

    Yields:
        What tells it to stop, for who can't wait until the block ends; returns at once.
    """
    stop = threading.Event()
    if settings.worker_url is not None or not settings.start_worker or find_spec("sae_lens") is None:
        yield stop.set
        return
    keeper = threading.Thread(target=_keep, args=(settings, stop), name="job-worker", daemon=True)
    keeper.start()
    try:
        yield stop.set
    finally:
        stop.set()
        keeper.join()


def _keep(settings: Settings, stop: threading.Event) -> None:
    given = settings.model_dump(mode="json", include=set(HANDED_ON), exclude_none=True)
    while not stop.is_set():
        # In a session of its own: Ctrl-C in the terminal is for this process, which then tells the child.
        worker = subprocess.Popen(COMMAND, stdin=subprocess.PIPE, text=True, start_new_session=True)  # noqa: S603
        assert worker.stdin is not None
        worker.stdin.write(json.dumps(given) + "\n")
        worker.stdin.close()
        while worker.poll() is None and not stop.wait(0.2):
            pass
        if stop.is_set():
            _end(worker, settings.shutdown_timeout_s)
        else:
            log.warning("the job worker ended with status %s; starting it again", worker.returncode)
            stop.wait(RESTART_S)


def _end(worker: subprocess.Popen[str], timeout_s: float) -> None:
    worker.terminate()
    try:
        worker.wait(timeout_s)
    except subprocess.TimeoutExpired:
        worker.kill()
        worker.wait()

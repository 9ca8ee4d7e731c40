"""`hedgescope jobs`: runs the jobs that pages and API submit; `serve` starts it as a child."""

from __future__ import annotations

import logging
import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from types import FrameType
from typing import TYPE_CHECKING

from sqlalchemy import make_url

from app.cli.child import Child, IsChild, command_of, received
from app.errors import StoreError
from app.settings import Settings
from app.store.read_only import is_read_only

if TYPE_CHECKING:
    from sqlalchemy import Engine

LOOK_S = 1.0
"""Between two looks for a job."""

log = logging.getLogger(__name__)


def jobs(child: IsChild = False) -> None:
    """Run jobs until stopped: comparisons and registrations submitted on the pages or through the API.

    Job runners that share a PostgreSQL database and a data folder share the shards of each job.
    """
    from app import logs
    from app.cli.store import open_store
    from app.settings import load_settings

    settings = load_settings(**(received()["settings"] if child else {}))
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
def job_runner(settings: Settings) -> Iterator[Callable[[], None]]:
    """A child process that works on jobs while the block runs, started again where it ends.

    None is started where torch is not installed, where the database can only be read, or where jobs run elsewhere. If
    this process is killed, the child finishes the jobs there are before it ends.

    Yields:
        What asks it to stop before the block ends; returns at once.
    """
    elsewhere = settings.worker_url is not None or not settings.start_worker
    if elsewhere or find_spec("sae_lens") is None or is_read_only(make_url(settings.resolved_database_url)):
        yield lambda: None
        return
    child = Child("job runner", command_of("jobs"), settings, stop_s=settings.shutdown_timeout_s)
    child.start()
    try:
        yield child.request_stop
    finally:
        child.stop()

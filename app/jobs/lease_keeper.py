"""Keeping a step's lease while it is worked on: a thread renews it and writes the progress."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

from sqlalchemy import Engine

from app.errors import StoreError
from app.jobs.leases import LeaseLost, hand_back, renew
from app.jobs.records import Claim

TICK_S = 0.5
"""Progress is written this often at most, and only where it has changed."""

RENEWALS = 4
"""Renewals within the length of a lease: a few may fail before it expires."""

log = logging.getLogger(__name__)


class Stopped(Exception):
    """The job runner is to stop."""


@dataclass
class _Stage:
    name: str
    total: int
    unit: str
    started: float
    done: int = 0

    def values(self) -> dict[str, Any]:
        """As columns of the job."""
        seconds = time.monotonic() - self.started
        rate = self.done / seconds if self.done and seconds > 0 else None
        return {
            "stage": self.name,
            "done": self.done,
            "total": self.total,
            "unit": self.unit,
            "rate": rate,
            "seconds_left": None if rate is None else max(0, self.total - self.done) / rate,
        }


class LeaseKeeper:
    """Keeps a lease for as long as the `with` block runs.

    The working thread only notes its progress, and its next call raises where it should end. It never waits for the
    database: the renewing thread does, and keeps trying where the database is unreachable. When the job runner is to
    stop, that thread releases the step at once, however far off the next call is.

    Args:
        stop: set when the job runner should end.
    """

    def __init__(self, engine: Engine, claim: Claim, lease_s: float, stop: threading.Event) -> None:
        self._engine, self._claim, self._lease_s, self._stop = engine, claim, lease_s, stop
        self._has_progress = claim.phase != "shards"
        self._stage: _Stage | None = None
        self._written: tuple[str, int] | None = None
        self._lost: LeaseLost | None = None
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._keep, name=f"lease of job {claim.job.id}", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._thread.join()

    def __call__(self, stage: str, total: int, unit: str) -> Callable[[int], None]:
        """Open a stage; the returned function advances it, and raises as `check` does."""
        self.check()
        opened = self._stage = _Stage(stage, total, unit, time.monotonic())

        def advance(n: int) -> None:
            opened.done += n
            self.check()

        return advance

    def check(self) -> None:
        """Raises LeaseLost where the step is no longer held, Stopped where the job runner should end."""
        if self._lost is not None:
            raise self._lost
        if self._stop.is_set():
            raise Stopped

    def progress(self) -> dict[str, Any]:
        """Columns of the job for the last progress, to be stored as the step ends; empty where it reports none."""
        return {} if self._stage is None or not self._has_progress else self._stage.values()

    def _keep(self) -> None:
        last = time.monotonic()
        while not self._over.wait(min(TICK_S, self._lease_s / RENEWALS)):
            if self._stop.is_set():
                if self._is_handed_back():
                    return
                continue
            progress = self._news()
            if progress is None and time.monotonic() - last < self._lease_s / RENEWALS:
                continue
            try:
                renew(self._engine, self._claim, self._lease_s, progress)
                last = time.monotonic()
            except LeaseLost as lost:
                self._lost = lost
                return
            except StoreError as error:
                log.warning("the lease of job %d can't be renewed now: %s", self._claim.job.id, error)

    def _is_handed_back(self) -> bool:
        try:
            hand_back(self._engine, self._claim)
        except StoreError as error:
            log.warning("job %d can't be handed back now: %s", self._claim.job.id, error)
            return False
        return True

    def _news(self) -> dict[str, Any] | None:
        """Progress since the last time. Shards have none of their own: completed ones count for all job runners."""
        values = self.progress()
        if not values or (values["stage"], values["done"]) == self._written:
            return None
        self._written = (values["stage"], values["done"])
        return values

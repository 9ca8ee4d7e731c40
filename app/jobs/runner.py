"""The loop of a job runner: take a step, do it, write how it ended, take the next."""

from __future__ import annotations

import logging
import os
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol
from uuid import uuid4

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import InterfaceError, OperationalError

from app.errors import DiskFullError, HedgescopeError, StoreError
from app.jobs.lease_keeper import LeaseKeeper, Stopped
from app.jobs.leases import (
    LeaseLost,
    claim_step,
    complete_finish,
    complete_plan,
    complete_shard,
    fail,
    hand_back,
)
from app.jobs.messages import LOG, Places
from app.jobs.records import Claim, Plan
from app.logs import bound
from app.store.space import make_room

POLL_S = 1.0
"""How often an idle job runner looks for work, at the cost of one read."""

LONG_S = 5.0
"""After so many seconds of one step, short jobs are done on the other lane."""

PATIENCE_S = (1.0, 2.0, 5.0)
"""Waits between attempts to reach the database; the last one from then on."""

log = logging.getLogger(__name__)

Store = Callable[[Connection, str], None]
"""To be called in the transaction that stores the result, with its slug or name."""


class JobSteps(Protocol):
    """What a job's steps do; implemented where torch is. All methods may raise HedgescopeError."""

    def plan(self, claim: Claim, keeper: LeaseKeeper) -> Plan:
        """Cut a comparison into shards."""
        ...

    def shard(self, claim: Claim, keeper: LeaseKeeper) -> None:
        """Make sure that a shard is on disk."""
        ...

    def finish(self, claim: Claim, keeper: LeaseKeeper, done: Store) -> None:
        """Compute and store the result, calling `done` in the same transaction."""
        ...

    def idle(self) -> None:
        """Tidy up while there is nothing to do."""
        ...


@dataclass(frozen=True)
class JobRunner:
    """The loop of one job runner.

    Attributes:
        lease_s: seconds after which a silent job runner is considered dead.
        owner: names this process among all job runners; no other process uses it again.
        poll_s: seconds between looks for work.
        places: name the folders of this process in the errors of jobs.
        behind: the lane that this one stands in for: short jobs are done here while a step of that one takes long. A
            lane without one does all jobs.
    """

    engine: Engine
    steps: JobSteps
    lease_s: float
    owner: str
    poll_s: float = POLL_S
    places: Places = field(default_factory=Places)
    behind: JobRunner | None = None
    _begun: list[float] = field(default_factory=list)

    def is_at_it_long(self) -> bool:
        """Whether its step takes so long that short jobs should not wait for it; may be called from any thread."""
        begun = self._begun[:]
        return bool(begun) and time.monotonic() - begun[0] > LONG_S

    def run(self, stop: threading.Event, is_over: Callable[[], bool] = lambda: False) -> None:
        """Work until stopped; the current step is then released.

        Args:
            is_over: called when there is nothing to do; True ends the loop.
        """
        failures = 0
        while not stop.is_set():
            try:
                claim = self._claim()
                failures = 0
            except StoreError as error:
                log.warning("can't look for jobs now: %s", error)
                stop.wait(PATIENCE_S[min(failures, len(PATIENCE_S) - 1)])
                failures += 1
                continue
            if claim is None:
                if is_over():
                    return
                self.steps.idle()
                stop.wait(self.poll_s)
            else:
                self._carry_out(claim, stop)

    def _claim(self) -> Claim | None:
        if self.behind is None:
            return claim_step(self.engine, self.owner, self.lease_s)
        if self.behind.is_at_it_long():
            return claim_step(self.engine, self.owner, self.lease_s, only_short=True)
        return None

    def _carry_out(self, claim: Claim, stop: threading.Event) -> None:
        self._begun.append(time.monotonic())
        try:
            with bound(job_id=str(claim.job.id)):
                level = logging.DEBUG if claim.phase == "shards" else logging.INFO
                log.log(level, "%s %d, lease %d", claim.phase, claim.number, claim.fence)
                self._attempt(claim, stop)
        finally:
            self._begun.clear()

    def _attempt(self, claim: Claim, stop: threading.Event) -> None:
        keeper = LeaseKeeper(self.engine, claim, self.lease_s, stop)
        try:
            with keeper:
                self._do(claim, keeper, stop)
        except LeaseLost as lost:
            log.info("given up, since another job runner has it or it was cancelled: %s", lost)
        except Stopped:
            self._write(stop, lambda: hand_back(self.engine, claim), tries=1)
        except StoreError as error:
            if is_passing(error):
                log.warning("the database failed, trying again: %s", error)
                stop.wait(PATIENCE_S[0])
            else:
                self._explain(claim, keeper, error, stop)
        except HedgescopeError as error:
            self._explain(claim, keeper, error, stop)
        except Exception as error:
            log.exception("failed unexpectedly")
            self._fail(claim, keeper, f"it failed unexpectedly ({type(error).__name__}); {LOG}", stop)

    def _do(self, claim: Claim, keeper: LeaseKeeper, stop: threading.Event) -> None:
        match claim.phase:
            case "plan":
                plan = self.steps.plan(claim, keeper)
                self._write(stop, lambda: complete_plan(self.engine, claim, plan))
            case "shards":
                self.steps.shard(claim, keeper)
                self._write(stop, lambda: complete_shard(self.engine, claim))
            case "finish":

                def done(connection: Connection, result: str) -> None:
                    complete_finish(connection, claim, result, keeper.progress())

                self.steps.finish(claim, keeper, done)

    def _explain(self, claim: Claim, keeper: LeaseKeeper, error: HedgescopeError, stop: threading.Event) -> None:
        log.warning("failed: %s", " ".join(str(error).split()))
        self._fail(claim, keeper, self.places.public(error), stop)

    def _fail(self, claim: Claim, keeper: LeaseKeeper, line: str, stop: threading.Event) -> None:
        self._write(stop, lambda: fail(self.engine, claim, line, keeper.progress()))

    def _write(self, stop: threading.Event, write: Callable[[], None], tries: int | None = None) -> None:
        """Write how a step ended, however long the database is unreachable or full. Raises LeaseLost."""
        attempt = 0
        while True:
            try:
                write()
                return
            except StoreError as error:
                log.warning("can't be written to the database now: %s", error)
                attempt += 1
                if isinstance(error, DiskFullError):
                    make_room(self.engine)
                if stop.is_set() or attempt == tries:
                    return
                stop.wait(PATIENCE_S[min(attempt, len(PATIENCE_S)) - 1])


def new_owner() -> str:
    """A name for this process that no other job runner has had."""
    return f"{socket.gethostname()}:{os.getpid()}:{uuid4().hex[:12]}"


def is_passing(error: StoreError) -> bool:
    """Whether a later try may succeed, as with a database that restarts or is busy; a full one does not."""
    return not isinstance(error, DiskFullError) and isinstance(error.__cause__, OperationalError | InterfaceError)

"""Jobs as streams of events: one look at the database a second, however many follow."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator
from contextlib import suppress
from functools import partial
from time import monotonic

import orjson
from anyio import CapacityLimiter, Event, Lock, move_on_after, to_thread

from app.errors import StoreError
from app.jobs.records import Job
from app.web.shared.job_queue import JobQueue

POLL_S = 1.0
KEEP_ALIVE_S = 15.0
"""Something is sent at least this often, so that proxies keep the connection and a client that left is noticed."""

RETRY_MS = 2000
"""After which browsers come back when the connection breaks."""


class TooManyFollowers(Exception):
    """No more streams can be open at once."""


class Watch:
    """Looks after the jobs that are followed, and only while some are.

    Args:
        max_streams: most followers at once.
        poll_s: seconds between looks.
    """

    def __init__(self, jobs: JobQueue, max_streams: int, poll_s: float = POLL_S) -> None:
        self._jobs, self._max_streams, self._poll_s = jobs, max_streams, poll_s
        self._followed: Counter[int] = Counter()
        self._known: dict[int, Job] = {}
        self._looked_at = -1.0
        self._lock: Lock | None = None
        self._limiter: CapacityLimiter | None = None
        self._closing: Event | None = None

    def close(self) -> None:
        """End all streams, since the server stops."""
        self._max_streams = 0
        if self._closing is not None:
            self._closing.set()

    @property
    def is_full(self) -> bool:
        """Whether one more can't follow."""
        return self._followed.total() >= self._max_streams

    async def follow(self, job_id: int, last_id: str | None) -> AsyncIterator[bytes]:
        """The events of a job until it has ended: its state now, and after each change.

        Args:
            last_id: id of the event that the client saw last; the state that it named is not sent again.
        """
        self._followed[job_id] += 1
        try:
            yield b"retry: %d\n\n" % RETRY_MS
            async for event in self._events(job_id, last_id):
                yield event
        finally:
            self._followed[job_id] -= 1
            self._followed += Counter()

    async def _events(self, job_id: int, last_id: str | None) -> AsyncIterator[bytes]:
        closing = self._closing = self._closing or Event()
        sent_at = monotonic()
        while self._max_streams:
            job = await self._latest(job_id)
            if job is not None and event_id(job) != last_id:
                last_id, sent_at = event_id(job), monotonic()
                yield event_of(job)
            elif monotonic() - sent_at >= KEEP_ALIVE_S:
                sent_at = monotonic()
                yield b": still here\n\n"
            if job is not None and not job.is_active:
                return
            with move_on_after(self._poll_s):
                await closing.wait()

    async def _latest(self, job_id: int) -> Job | None:
        """The job as of the last look; None where there has been none yet, since the database is away."""
        lock = self._lock = self._lock or Lock()
        async with lock:
            if monotonic() - self._looked_at >= self._poll_s or job_id not in self._known:
                # A thread of its own: pages must not wait for it.
                self._limiter = self._limiter or CapacityLimiter(1)
                look = partial(self._jobs.by_id, list(self._followed))
                # Where the database is away it may be back at the next look.
                with suppress(StoreError):
                    self._known = await to_thread.run_sync(look, limiter=self._limiter)
                self._looked_at = monotonic()
        return self._known.get(job_id)


def event_id(job: Job) -> str:
    """Names a state of a job."""
    return f"{job.version}-{job.workers}"


def event_of(job: Job) -> bytes:
    """A job as an event."""
    return f"id: {event_id(job)}\nevent: job\ndata: ".encode() + orjson.dumps(job) + b"\n\n"

"""Jobs as streams of server-sent events: the database is read once a second, however many streams there are."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from time import monotonic

import orjson
from anyio import CapacityLimiter, Event, Lock, move_on_after, to_thread
from fastapi.sse import ServerSentEvent

from app.errors import StoreError
from app.jobs.records import Job
from app.web.http.errors import Problem, ProblemError
from app.web.shared.job_queue import JobQueue

POLL_S = 1.0
RETRY_MS = 2000
"""After which browsers connect again when the connection breaks."""

RETRY_AFTER_S = 5
"""After which a client may ask again for a stream that was refused."""


SHARES = 5
"""One client gets a fifth of all streams."""


class JobEvents:
    """Reads the jobs that are streamed, and only while some are.

    Args:
        jobs: where they are.
        max_streams: most streams at once.
        poll_s: seconds between two looks at the database.
    """

    def __init__(self, jobs: JobQueue, max_streams: int, poll_s: float = POLL_S) -> None:
        self._jobs, self._max_streams, self._poll_s = jobs, max_streams, poll_s
        self._streamed: Counter[int] = Counter()
        self._shares: Counter[str] = Counter()
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

    @contextmanager
    def stream(self, job_id: int, last_id: str | None, share: str) -> Iterator[AsyncIterator[ServerSentEvent]]:
        """The events of a job until it has ended: its state now, and after each change.

        Args:
            share: whom the stream is counted for.
            last_id: id of the event that the client saw last; the state that it names is not sent again.

        Raises:
            ProblemError: there are too many streams already.
        """
        most_of_one = -(-self._max_streams // SHARES)
        if self._streamed.total() >= self._max_streams or self._shares[share] >= most_of_one:
            problem = Problem(503, "busy", "Too many streams", "too many open event streams; poll the job instead")
            raise ProblemError(problem, {"Retry-After": str(RETRY_AFTER_S)})
        self._streamed[job_id] += 1
        self._shares[share] += 1
        try:
            yield self._events(job_id, last_id)
        finally:
            self._streamed[job_id] -= 1
            self._shares[share] -= 1
            self._streamed += Counter()
            self._shares += Counter()

    async def _events(self, job_id: int, last_id: str | None) -> AsyncIterator[ServerSentEvent]:
        closing = self._closing = self._closing or Event()
        yield ServerSentEvent(retry=RETRY_MS)
        while self._max_streams:
            job = await self._latest(job_id)
            if job is not None and event_id(job) != last_id:
                last_id = event_id(job)
                yield ServerSentEvent(id=last_id, event="job", raw_data=orjson.dumps(job).decode())
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
                look = partial(self._jobs.by_id, list(self._streamed))
                # If the database is away, it may be back at the next look.
                with suppress(StoreError):
                    self._known = await to_thread.run_sync(look, limiter=self._limiter)
                self._looked_at = monotonic()
        return self._known.get(job_id)


def event_id(job: Job) -> str:
    """Names a state of a job."""
    return f"{job.version}-{job.workers}"

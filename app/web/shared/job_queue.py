"""Jobs as everybody may see them: the one place where pages and API submit, read, cancel and resume them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

from fastapi import Depends
from sqlalchemy import Engine
from starlette.requests import Request

from app.errors import ConflictError
from app.jobs import queue
from app.jobs.records import Job
from app.records.request import JobRequest
from app.web.http.caller import Caller
from app.web.http.deps import EngineDep, SettingsDep
from app.web.shared.job_paths import check_paths
from app.web.shared.redact import public_job

MOST_WAITING = 50
"""Jobs of one client that wait at once; all clients together have `queue.MAX_ACTIVE`."""


class JobShares:
    """Remembers who submitted which jobs, in the memory of this process."""

    def __init__(self) -> None:
        self._submitted: dict[str, list[int]] = {}

    def check(self, jobs: JobQueue, share: str) -> None:
        """Refuse one more job of a client that has many waiting. Raises ConflictError."""
        waiting = [
            number for number, job in jobs.by_id(self._submitted.get(share, ())).items() if job.state == "queued"
        ]
        self._submitted[share] = waiting
        if len(waiting) >= MOST_WAITING:
            raise ConflictError(f"{len(waiting)} jobs of yours wait already; cancel some, or wait for them")

    def add(self, share: str, job_id: int) -> None:
        """Note a job."""
        self._submitted.setdefault(share, []).append(job_id)


class JobQueue:
    """The jobs of a database, without the folders that their requests and errors name.

    Args:
        engine: where the jobs are.
        input_dir: folder of the files that jobs may read.
        shares: who submitted what.
    """

    def __init__(self, engine: Engine, input_dir: Path, shares: JobShares | None = None) -> None:
        self._engine = engine
        self._shares = shares or JobShares()
        self._input_dir = input_dir.resolve()

    def submit(self, request: JobRequest, share: str | None = None) -> Job:
        """Submit a job.

        Args:
            share: whom it is counted for; None for nobody.

        Raises:
            QueryError, ConflictError: as `queue.submit`; a path leads out of the input folder; or that client has many
                jobs waiting.
        """
        self._check(request, share)
        job = self._public(queue.submit(self._engine, request))
        if share is not None:
            self._shares.add(share, job.id)
        return job

    def check(self, request: JobRequest, share: str | None = None) -> None:
        """Refuse what `submit` would refuse, without a look at files. Raises as `submit`."""
        self._check(request, share)
        queue.check(self._engine, request)

    def _check(self, request: JobRequest, share: str | None) -> None:
        check_paths(request, self._input_dir)
        if share is not None:
            self._shares.check(self, share)

    def get(self, job_id: int) -> Job:
        """One job. Raises NotFoundError."""
        return self._public(queue.get_job(self._engine, job_id))

    def page(self, *, limit: int, before: int | None = None) -> list[Job]:
        """Jobs, newest first; only those with a smaller number than `before`."""
        return list(map(self._public, queue.list_jobs(self._engine, limit=limit, before=before)))

    def by_id(self, ids: Sequence[int]) -> dict[int, Job]:
        """Those of the jobs that exist, by number."""
        return {number: self._public(job) for number, job in queue.get_jobs(self._engine, ids).items()}

    def cancel(self, job_id: int) -> Job:
        """Stop a job. Raises NotFoundError and ConflictError."""
        return self._public(queue.cancel(self._engine, job_id))

    def resume(self, job_id: int) -> Job:
        """Resume a failed or cancelled job. Raises NotFoundError and ConflictError."""
        return self._public(queue.resume(self._engine, job_id))

    def _public(self, job: Job) -> Job:
        return public_job(job, self._input_dir)


async def _job_queue(request: Request, engine: EngineDep, settings: SettingsDep) -> JobQueue:
    return JobQueue(engine, settings.resolved_input_dir, request.app.state.job_shares)


def share_of(caller: Caller) -> str | None:
    """Whom a caller's jobs are counted for; nobody on this computer."""
    return None if caller.is_local else caller.share


JobQueueDep = Annotated[JobQueue, Depends(_job_queue)]

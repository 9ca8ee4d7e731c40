"""Jobs as everybody may see them: the one place where pages and API submit, read, cancel and resume them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

from fastapi import Depends
from sqlalchemy import Engine

from app.jobs import queue
from app.jobs.records import Job
from app.records.request import JobRequest
from app.web.http.deps import EngineDep, SettingsDep
from app.web.shared.redact import public_job


class JobQueue:
    """The jobs of a database, without the folders that their requests and errors name.

    Args:
        engine: where the jobs are.
        input_dir: folder of the files that jobs may read.
    """

    def __init__(self, engine: Engine, input_dir: Path) -> None:
        self._engine = engine
        self._input_dir = input_dir.resolve()

    def submit(self, request: JobRequest) -> Job:
        """Submit a job. Raises QueryError and ConflictError."""
        return self._public(queue.submit(self._engine, request))

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


async def _job_queue(engine: EngineDep, settings: SettingsDep) -> JobQueue:
    return JobQueue(engine, settings.resolved_input_dir)


JobQueueDep = Annotated[JobQueue, Depends(_job_queue)]

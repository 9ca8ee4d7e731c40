"""The preflight of a job: run by the worker before the job is accepted."""

from __future__ import annotations

import asyncio
import logging
import time

import orjson
from starlette.requests import Request

from app.errors import WorkerError, WorkerStartsError
from app.inference.client import Inference
from app.inference.wire import JobQuestion
from app.jobs.queue import KINDS
from app.records import Preflight
from app.records.request import JobRequest
from app.serving.leaving import unless_left
from app.store.payloads import to_json
from app.web.http.errors import Problem, ProblemError
from app.web.shared.redact import public_preflight

START_S = 30.0
"""How long a job waits for a worker that was started and does not listen yet."""
LOOK_S = 0.5

log = logging.getLogger(__name__)


async def preflight(request: Request, inference: Inference, job: JobRequest) -> tuple[Preflight | None, str | None]:
    """(what is known of a job, why nothing is).

    Where no worker can look at it, the job runner checks it: its first step reads all that the job names.

    Raises:
        ClientDisconnect: the client has left.
    """
    question = JobQuestion(kind=KINDS[type(job)], request=orjson.loads(to_json(job)))
    try:
        return public_preflight(await unless_left(request, _answer(inference, question))), None
    except WorkerError as error:
        log.warning("a job was not looked at before it was accepted: %s", error)
        return None, error.public


async def _answer(inference: Inference, question: JobQuestion) -> Preflight:
    deadline = time.monotonic() + START_S
    while True:
        try:
            return await inference.preflight(question)
        except WorkerStartsError:
            if time.monotonic() > deadline:
                raise
            await asyncio.sleep(LOOK_S)


def refuse(found: Preflight | None) -> None:
    """Refuse a job that can't run. Raises ProblemError: 400."""
    if found is not None and found.refused is not None:
        raise ProblemError(Problem(400, "preflight", "The job can't run", found.refused))

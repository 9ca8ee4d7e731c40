"""`/jobs`: submit, list, cancel and resume jobs: comparisons, and registrations of SAEs."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from app.jobs.records import Job
from app.records import Preflight
from app.serving.headers import NEVER_KEPT
from app.web.api.formats import format_of, list_file
from app.web.api.models import JobList
from app.web.api.routes import BY_ACCEPT, get, json_response, post
from app.web.http import links
from app.web.http.caching import checked
from app.web.http.deps import CallerDep, InferenceDep, JobId
from app.web.http.errors import Problem, ProblemError, shortened
from app.web.http.params import check_parameters
from app.web.http.writer_thread import writing_apart
from app.web.live.preflight import preflight, refuse
from app.web.shared.job_forms import KINDS, read_job, schema_of
from app.web.shared.job_queue import JobQueueDep, share_of

router = APIRouter(tags=["Jobs"])

PAGE = 100

Limit = Annotated[int, Query(ge=1, le=1000, description="Most jobs on a page.")]
Before = Annotated[int | None, Query(ge=1, description="Only jobs with a smaller number; the `next` of a page.")]


async def _known_parameters(request: Request) -> None:
    check_parameters(request, ("limit", "before"))


def _request_body() -> dict[str, Any]:
    schemas = [schema_of(kind) for kind in KINDS]
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": {"anyOf": schemas}}}}}


@post(router, "/jobs", Job, problems=(400, 401, 403, 409, 415), status=201, extra=_request_body())
async def start_job(request: Request, jobs: JobQueueDep, caller: CallerDep, inference: InferenceDep) -> Response:
    """Submit a comparison, or the registration of an SAE; one that can't run is refused."""
    wanted, share = await read_job(request), share_of(caller)
    await run_in_threadpool(jobs.check, wanted, share)
    found, _ = await preflight(request, inference, wanted)
    refuse(found)
    job = await writing_apart(request, jobs.submit, wanted, share)
    return json_response(job, {**NEVER_KEPT, "Location": links.api_job(job.id)}, 201)


@post(router, "/jobs/preflight", Preflight, problems=(400, 401, 403, 409, 415, 503), extra=_request_body())
async def check_job(request: Request, jobs: JobQueueDep, caller: CallerDep, inference: InferenceDep) -> Response:
    """Say what a job would take and what looks wrong, without submitting it."""
    wanted = await read_job(request)
    await run_in_threadpool(jobs.check, wanted, share_of(caller))
    found, reason = await preflight(request, inference, wanted)
    if found is None:
        raise ProblemError(Problem(503, "worker", "No inference worker", shortened(str(reason))))
    return json_response(found, NEVER_KEPT)


@get(router, "/jobs", JobList, problems=(400,), checks=(Depends(_known_parameters),), files=True)
def list_jobs(request: Request, jobs: JobQueueDep, limit: Limit = PAGE, before: Before = None) -> Response:
    """Jobs, newest first."""
    found = jobs.page(limit=limit, before=before)
    kind = format_of(request)
    if kind != "json":
        return checked(request, list_file(request, "jobs", found, kind))
    more = str(found[-1].id) if len(found) == limit and found[-1].id > 1 else None
    return checked(request, json_response(JobList(tuple(found), more, None), BY_ACCEPT))


@get(router, "/jobs/{job_id}", Job, problems=(400, 404, 422))
def get_job(request: Request, jobs: JobQueueDep, job_id: JobId) -> Response:
    """One job."""
    return checked(request, json_response(jobs.get(job_id)))


@post(router, "/jobs/{job_id}/cancel", Job, problems=(400, 401, 403, 404, 409, 422))
async def cancel_job(request: Request, jobs: JobQueueDep, job_id: JobId) -> Response:
    """Stop a job. What is already computed is kept, and used if the job is resumed."""
    return json_response(await writing_apart(request, jobs.cancel, job_id), NEVER_KEPT)


@post(router, "/jobs/{job_id}/resume", Job, problems=(400, 401, 403, 404, 409, 422))
async def resume_job(request: Request, jobs: JobQueueDep, job_id: JobId) -> Response:
    """Resume a failed or cancelled job where it stopped."""
    return json_response(await writing_apart(request, jobs.resume, job_id), NEVER_KEPT)

"""`/jobs`: ask for comparisons and registrations, follow them, cancel and resume them."""

from __future__ import annotations

from typing import Annotated, Any

from anyio import to_thread
from fastapi import APIRouter, Depends, Path, Query
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from app.jobs.records import Job
from app.serving.headers import NEVER_KEPT
from app.store.lookup import MAX_INDEX
from app.web.api.models import JobList
from app.web.api.routes import get, json_response, post
from app.web.http import links
from app.web.http.auth import check_token
from app.web.http.caching import checked
from app.web.http.params import check_parameters, no_parameters
from app.web.http.writer_thread import writing_apart
from app.web.live.events import Watch, event_id
from app.web.shared.job_forms import KINDS, read_job, schema_of
from app.web.shared.job_queue import JobQueueDep

router = APIRouter(tags=["Jobs"])

CHECKS = (Depends(no_parameters), Depends(check_token))
PAGE = 100

JobId = Annotated[int, Path(ge=1, le=MAX_INDEX, description="A job's number.")]
Limit = Annotated[int, Query(ge=1, le=1000, description="Most jobs on a page.")]
Before = Annotated[int | None, Query(ge=1, description="Only jobs with a smaller number; the `next` of a page.")]


async def _known_parameters(request: Request) -> None:
    check_parameters(request, ("limit", "before"))


def _asked_for() -> dict[str, Any]:
    schemas = [schema_of(kind) for kind in KINDS]
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": {"anyOf": schemas}}}}}


EVENTS = {
    "responses": {
        "200": {
            "description": "Events named `job`, each with the job as JSON; the stream ends when the job has",
            "content": {"text/event-stream": {"schema": {"type": "string"}}},
        },
        "204": {"description": "The job has ended in the state that `Last-Event-ID` names: there is nothing to come"},
    }
}


@post(router, "/jobs", Job, problems=(400, 401, 403, 409, 415), status=201, extra=_asked_for(), checks=CHECKS)
async def start_job(request: Request, jobs: JobQueueDep) -> Response:
    """Ask for a comparison or the registration of an SAE; a worker takes it when it comes to it."""
    wanted = await read_job(request)
    job = await writing_apart(request, jobs.submit, wanted)
    return json_response(job, {**NEVER_KEPT, "Location": links.api_job(job.id)}, 201)


@get(router, "/jobs", JobList, problems=(400,), checks=(Depends(_known_parameters),))
def list_jobs(request: Request, jobs: JobQueueDep, limit: Limit = PAGE, before: Before = None) -> Response:
    """Jobs, newest first."""
    found = jobs.page(limit=limit, before=before)
    more = str(found[-1].id) if len(found) == limit and found[-1].id > 1 else None
    return checked(request, json_response(JobList(tuple(found), more, None)))


@get(router, "/jobs/{job_id}", Job, problems=(400, 404, 422))
def get_job(request: Request, jobs: JobQueueDep, job_id: JobId) -> Response:
    """One job."""
    return checked(request, json_response(jobs.get(job_id)))


@get(router, "/jobs/{job_id}/events", Job, problems=(400, 404, 422), extra=EVENTS)
async def follow_job(request: Request, jobs: JobQueueDep, job_id: JobId) -> Response:
    """A job as a stream of server-sent events: its state now, then each change, at most one a second."""
    job = await to_thread.run_sync(jobs.get, job_id)
    seen = request.headers.get("last-event-id")
    if not job.is_active and seen == event_id(job):
        return Response(status_code=204, headers=NEVER_KEPT)
    watch: Watch = request.app.state.watch
    if watch.is_full:
        raise HTTPException(503, "too many pages follow jobs now; ask for the job itself", {"Retry-After": "5"})
    headers = {**NEVER_KEPT, "X-Accel-Buffering": "no"}
    if request.method == "HEAD":
        return Response(media_type="text/event-stream", headers=headers)
    return StreamingResponse(watch.follow(job_id, seen), media_type="text/event-stream", headers=headers)


@post(router, "/jobs/{job_id}/cancel", Job, problems=(400, 401, 403, 404, 409, 422), checks=CHECKS)
async def cancel_job(request: Request, jobs: JobQueueDep, job_id: JobId) -> Response:
    """Stop a job; what is computed already stays for when it is resumed."""
    return json_response(await writing_apart(request, jobs.cancel, job_id), NEVER_KEPT)


@post(router, "/jobs/{job_id}/resume", Job, problems=(400, 401, 403, 404, 409, 422), checks=CHECKS)
async def resume_job(request: Request, jobs: JobQueueDep, job_id: JobId) -> Response:
    """Resume a failed or cancelled job where it stopped."""
    return json_response(await writing_apart(request, jobs.resume, job_id), NEVER_KEPT)

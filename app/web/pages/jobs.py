"""`/jobs` and `/jobs/{id}`: the request, its progress, and the buttons to cancel and resume."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from app.jobs.records import Job
from app.records.request import ComparisonRequest, InterventionRequest, about, given
from app.web.http import links
from app.web.http.access import FIELD, check_form
from app.web.http.deps import CallerDep, JobId
from app.web.http.writer_thread import writing_apart
from app.web.pages.contexts.common import Crumb
from app.web.pages.contexts.jobs import JobPage, JobRow, JobsPage
from app.web.pages.params import read_params
from app.web.pages.respond import changing_page, make_frame, page
from app.web.shared.job_forms import read_job_form
from app.web.shared.job_queue import JobQueueDep

router = APIRouter()

PAGE = 50
NEWEST = 999_999_999
"""Larger than any job's number."""


@page(router, "/jobs")
def job_list(request: Request, jobs: JobQueueDep) -> Response:
    """Jobs, newest first."""
    params = read_params(request, ("before",))
    before = params.whole("before", NEWEST, 1, NEWEST)
    found = jobs.page(limit=PAGE, before=before)
    older = links.jobs(found[-1].id) if len(found) == PAGE and found[-1].id > 1 else None
    description = "Requested comparisons and registrations of SAEs, with their progress."
    frame = make_frame(request, "Jobs", description, (Crumb("Comparisons", links.home()),), links.api_jobs())
    rows = tuple(JobRow(job, title_of(job), result_url(job)) for job in found)
    return changing_page(request, "jobs.html", JobsPage(frame, rows, older))


@page(router, "/jobs/{job_id}")
def job(request: Request, jobs: JobQueueDep, caller: CallerDep, job_id: JobId) -> Response:
    """One job."""
    read_params(request)
    found = jobs.get(job_id)
    title = title_of(found)
    crumbs = (Crumb("Comparisons", links.home()), Crumb("Jobs", links.jobs()))
    description = f"{title}: {found.state}."
    frame = make_frame(request, f"Job {job_id}", description, crumbs, links.api_job(job_id))
    context = JobPage(
        frame=frame,
        job=found,
        title=title,
        facts=facts_of(found),
        result_url=result_url(found),
        events_url=f"{links.api_job(job_id)}/events",
        asks_token=not caller.may("write"),
        again_url=again_url(found),
    )
    return changing_page(request, "job.html", context)


@router.post("/jobs/{job_id}/cancel", include_in_schema=False)
async def cancel(request: Request, jobs: JobQueueDep, job_id: JobId) -> Response:
    """The button; redirects back to the job."""
    await check_form(request, (await read_job_form(request)).get(FIELD))
    await writing_apart(request, jobs.cancel, job_id)
    return RedirectResponse(links.job(job_id), 303)


@router.post("/jobs/{job_id}/resume", include_in_schema=False)
async def resume(request: Request, jobs: JobQueueDep, job_id: JobId) -> Response:
    """The button; redirects back to the job."""
    await check_form(request, (await read_job_form(request)).get(FIELD))
    await writing_apart(request, jobs.resume, job_id)
    return RedirectResponse(links.job(job_id), 303)


def title_of(job: Job) -> str:
    """The request in a few words."""
    request = job.request
    if isinstance(request, ComparisonRequest):
        return f"{request.narrow} against {request.reference}"
    if isinstance(request, InterventionRequest):
        return f"Intervention on {request.comparison}"
    return f"Register {request.name or request.source}"


def facts_of(job: Job) -> tuple[tuple[str, str], ...]:
    """The fields of the request that were set, as (title, value)."""
    titles = about(type(job.request))
    return tuple((titles[name]["title"], value) for name, value in given(job.request))


def result_url(job: Job) -> str | None:
    """The page of the result."""
    if job.slug is not None and job.intervention is not None:
        return links.intervention(job.slug, job.intervention)
    if job.slug is not None:
        return links.comparison(job.slug)
    return None if job.sae is None else links.saes(job.sae)


def again_url(job: Job) -> str | None:
    """The form, filled in with the same request; None where there is no form."""
    if job.kind == "intervention":
        return None
    form = links.compare_new() if job.kind == "comparison" else links.sae_new()
    return links.with_query(form, given(job.request))

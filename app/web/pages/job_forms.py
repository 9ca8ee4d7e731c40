"""`/compare/new` and `/saes/new`: forms that submit a job. The URL can fill in their fields."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from anyio import to_thread
from fastapi import APIRouter
from sqlalchemy import Engine
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from app.errors import ConflictError, QueryError
from app.jobs.records import JobKind
from app.records.request import ComparisonRequest, JobRequest, SaeRequest, about
from app.serving.headers import NEVER_KEPT
from app.web.http import links
from app.web.http.access import FIELD, check_form
from app.web.http.caller import Caller
from app.web.http.deps import CallerDep, EngineDep
from app.web.http.writer_thread import writing_apart
from app.web.pages.contexts.common import Crumb
from app.web.pages.contexts.job_forms import AskForm, CompareNewPage, SaeNewPage
from app.web.pages.params import read_params
from app.web.pages.respond import answer, changing_page, make_frame, page
from app.web.shared.find import all_saes
from app.web.shared.job_forms import from_form, read_job_form
from app.web.shared.job_queue import JobQueue, JobQueueDep, share_of

router = APIRouter()

Values = Mapping[str, str]


@page(router, "/compare/new")
def compare_new(request: Request, engine: EngineDep, caller: CallerDep) -> Response:
    """The form for a comparison."""
    values = read_params(request, tuple(about(ComparisonRequest))).own
    return changing_page(request, "compare_new.html", comparison_form(request, engine, caller, values, None))


@router.post("/compare/new", include_in_schema=False)
async def compare(request: Request, engine: EngineDep, caller: CallerDep, jobs: JobQueueDep) -> Response:
    """Submit it and redirect to the job; or show the form again, with what is wrong."""

    def again(values: Values, error: QueryError) -> Response:
        return answer(request, "compare_new.html", comparison_form(request, engine, caller, values, error))

    return await _submit(request, jobs, "comparison", again)


@page(router, "/saes/new")
def sae_new(request: Request, caller: CallerDep) -> Response:
    """The form for the registration of an SAE."""
    values = read_params(request, tuple(about(SaeRequest))).own
    return changing_page(request, "sae_new.html", sae_form(request, caller, values, None))


@router.post("/saes/new", include_in_schema=False)
async def register(request: Request, caller: CallerDep, jobs: JobQueueDep) -> Response:
    """Submit it and redirect to the job; or show the form again, with what is wrong."""

    def again(values: Values, error: QueryError) -> Response:
        return answer(request, "sae_new.html", sae_form(request, caller, values, error))

    return await _submit(request, jobs, "sae", again)


async def _submit(
    request: Request,
    jobs: JobQueue,
    kind: JobKind,
    again: Callable[[Values, QueryError], Response],
) -> Response:
    values = await read_job_form(request)
    await check_form(request, values.pop(FIELD, None))
    try:
        job = await writing_apart(
            request, jobs.submit, from_form(kind, values), share_of(request.scope["state"]["caller"])
        )
    except ConflictError as error:
        refused = QueryError(error.public, parameter="")
    except QueryError as error:
        refused = error
    else:
        return RedirectResponse(links.job(job.id), 303)
    page = await to_thread.run_sync(again, values, refused)
    return HTMLResponse(page.body, 400, NEVER_KEPT)


def comparison_form(
    request: Request, engine: Engine, caller: Caller, values: Values, error: QueryError | None
) -> CompareNewPage:
    """What the page shows."""
    frame = make_frame(
        request,
        "New comparison",
        "Compare two registered SAEs.",
        (Crumb("Comparisons", links.home()),),
    )
    form = _form(caller, ComparisonRequest, values, error)
    return CompareNewPage(frame, form, choices(engine))


def sae_form(request: Request, caller: Caller, values: Values, error: QueryError | None) -> SaeNewPage:
    """What the page shows."""
    crumbs = (Crumb("Comparisons", links.home()), Crumb("SAEs", links.saes()))
    frame = make_frame(request, "Register an SAE", "Check an SAE and register it.", crumbs)
    return SaeNewPage(frame, _form(caller, SaeRequest, values, error))


def _form(caller: Caller, record: type[JobRequest], values: Values, error: QueryError | None) -> AskForm:
    fields = about(record)
    return AskForm(
        fields=fields,
        given={name: values.get(name, "") for name in fields},
        error=None if error is None else error.public,
        wrong=None if error is None else error.parameter,
        asks_token=not caller.may("write"),
    )


def choices(engine: Engine) -> tuple[str, ...]:
    """Every SAE, and each inner prefix of a Matryoshka SAE."""
    found = []
    for sae in all_saes(engine):
        inner = [f"{sae.name}@{width}" for width in sae.matryoshka_widths or () if width < sae.d_sae]
        found += [sae.name, *inner]
    return tuple(found)

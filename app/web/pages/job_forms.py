"""`/compare/new`, `/saes/new`, `/saes/upload`: forms that submit a job. The URL can fill in their fields."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from anyio import to_thread
from fastapi import APIRouter
from sqlalchemy import Engine
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from app.errors import ConflictError, QueryError, StoreError
from app.inference.client import Inference
from app.jobs.records import JobKind
from app.records import Preflight
from app.records.request import ComparisonRequest, JobRequest, SaeRequest, about
from app.serving.headers import NEVER_KEPT
from app.settings import Settings
from app.web.http import links
from app.web.http.access import FIELD, check_form
from app.web.http.caller import Caller
from app.web.http.deps import CallerDep, EngineDep, InferenceDep, SettingsDep
from app.web.http.writer_thread import writing_apart
from app.web.live.preflight import preflight
from app.web.live.uploads import receive_sae
from app.web.pages.contexts.common import Crumb
from app.web.pages.contexts.job_forms import AskForm, CompareNewPage, SaeNewPage
from app.web.pages.params import read_params
from app.web.pages.respond import answer, changing_page, make_frame, page
from app.web.shared.find import all_saes
from app.web.shared.input_files import input_files
from app.web.shared.job_forms import from_form, read_job_form
from app.web.shared.job_queue import JobQueue, JobQueueDep, share_of

router = APIRouter()

THEN, SEEN = "then", "seen"
"""Further fields of the forms: which button was pressed, and whether notes were shown before."""

Values = Mapping[str, str]


@dataclass(frozen=True)
class Shown:
    """What a form shows of an earlier one.

    Attributes:
        values: what its fields hold.
        error: why the request is refused.
        checked, unchecked: what the preflight found, or why there was none.
    """

    values: Values
    error: QueryError | None = None
    checked: Preflight | None = None
    unchecked: str | None = None


@page(router, "/compare/new")
def compare_new(request: Request, engine: EngineDep, caller: CallerDep, settings: SettingsDep) -> Response:
    """The form for a comparison."""
    values = read_params(request, tuple(about(ComparisonRequest))).own
    context = comparison_form(request, engine, caller, settings, Shown(values))
    return changing_page(request, "compare_new.html", context)


@router.post("/compare/new", include_in_schema=False)
async def compare(
    request: Request,
    engine: EngineDep,
    caller: CallerDep,
    settings: SettingsDep,
    jobs: JobQueueDep,
    inference: InferenceDep,
) -> Response:
    """Check it, or submit it and redirect to the job; or show the form again, with what is wrong."""

    def again(shown: Shown) -> Response:
        return answer(request, "compare_new.html", comparison_form(request, engine, caller, settings, shown))

    return await _submit(request, jobs, inference, "comparison", again)


@page(router, "/saes/new")
def sae_new(request: Request, caller: CallerDep, settings: SettingsDep) -> Response:
    """The form for the registration of an SAE."""
    values = read_params(request, tuple(about(SaeRequest))).own
    return changing_page(request, "sae_new.html", sae_form(request, caller, settings, Shown(values)))


@router.post("/saes/new", include_in_schema=False)
async def register(
    request: Request, caller: CallerDep, settings: SettingsDep, jobs: JobQueueDep, inference: InferenceDep
) -> Response:
    """Check it, or submit it and redirect to the job; or show the form again, with what is wrong."""

    def again(shown: Shown) -> Response:
        return answer(request, "sae_new.html", sae_form(request, caller, settings, shown))

    return await _submit(request, jobs, inference, "sae", again)


@router.post("/saes/upload", include_in_schema=False)
async def upload(request: Request, caller: CallerDep, settings: SettingsDep) -> Response:
    """Receive the files of an SAE, and lead to the form that registers it."""
    try:
        name = await receive_sae(request, settings.resolved_input_dir)
    except (QueryError, ConflictError, StoreError) as error:
        context = await to_thread.run_sync(sae_form, request, caller, settings, Shown({}), error.public)
        return HTMLResponse(answer(request, "sae_new.html", context).body, 400, NEVER_KEPT)
    return RedirectResponse(links.sae_new([("source", name), ("name", name)]), 303)


async def _submit(
    request: Request, jobs: JobQueue, inference: Inference, kind: JobKind, again: Callable[[Shown], Response]
) -> Response:
    values = await read_job_form(request)
    await check_form(request, values.pop(FIELD, None))
    only_check, was_shown = values.pop(THEN, "start") == "check", values.pop(SEEN, "") == "1"
    shown = Shown(values)
    try:
        wanted = from_form(kind, values)
        share = share_of(request.scope["state"]["caller"])
        await to_thread.run_sync(jobs.check, wanted, share)
        found, reason = await preflight(request, inference, wanted)
        shown = Shown(values, None, found, reason)
        is_refused = found is not None and found.refused is not None
        if not (only_check or is_refused or (found is not None and found.notes and not was_shown)):
            job = await writing_apart(request, jobs.submit, wanted, share)
            return RedirectResponse(links.job(job.id), 303)
        status = 400 if is_refused else 200
    except ConflictError as error:
        shown, status = replace(shown, error=QueryError(error.public, parameter="")), 400
    except QueryError as error:
        shown, status = replace(shown, error=error), 400
    page = await to_thread.run_sync(again, shown)
    return HTMLResponse(page.body, status, NEVER_KEPT)


def comparison_form(
    request: Request, engine: Engine, caller: Caller, settings: Settings, shown: Shown
) -> CompareNewPage:
    """What the page shows."""
    frame = make_frame(
        request,
        "New comparison",
        "Compare two registered SAEs.",
        (Crumb("Comparisons", links.home()),),
    )
    return CompareNewPage(frame, _form(caller, settings, ComparisonRequest, shown), choices(engine))


def sae_form(
    request: Request, caller: Caller, settings: Settings, shown: Shown, upload_error: str | None = None
) -> SaeNewPage:
    """What the page shows."""
    crumbs = (Crumb("Comparisons", links.home()), Crumb("SAEs", links.saes()))
    frame = make_frame(request, "Register an SAE", "Check an SAE and register it.", crumbs)
    return SaeNewPage(frame, _form(caller, settings, SaeRequest, shown), settings.upload_max_bytes, upload_error)


def _form(caller: Caller, settings: Settings, record: type[JobRequest], shown: Shown) -> AskForm:
    fields, error = about(record), shown.error
    return AskForm(
        fields=fields,
        given={name: shown.values.get(name, "") for name in fields},
        error=None if error is None else error.public,
        wrong=None if error is None else error.parameter,
        asks_token=not caller.may("write"),
        checked=shown.checked,
        unchecked=shown.unchecked,
        inputs=input_files(settings.resolved_input_dir) if caller.may("write") else None,
    )


def choices(engine: Engine) -> tuple[str, ...]:
    """Every SAE, and each inner prefix of a Matryoshka SAE."""
    found = []
    for sae in all_saes(engine):
        inner = [f"{sae.name}@{width}" for width in sae.matryoshka_widths or () if width < sae.d_sae]
        found += [sae.name, *inner]
    return tuple(found)

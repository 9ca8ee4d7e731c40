"""`/c/{slug}/prompt`: a live prompt. The form works without JavaScript; the text is never in an address."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

from fastapi import APIRouter
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from app.errors import PromptError, QueryError, WorkerError
from app.inference.client import Inference
from app.inference.wire import LatentRef
from app.records import ComparisonSummary, Side
from app.records.sides import SIDES, other_side
from app.serving.headers import NEVER_KEPT
from app.store import read
from app.web.http.bodies import read_form
from app.web.http.deps import EngineDep, InferenceDep
from app.web.live.prompt import check_latent, read_prompt
from app.web.live.prompt_records import ActiveLatent, PromptLatent, PromptResult, PromptToken
from app.web.live.worker_errors import retry_headers, worker_problem
from app.web.pages.contexts.prompt import PromptChoice, PromptNotice, PromptPage, PromptRow, PromptShown
from app.web.pages.params import read_params
from app.web.pages.respond import Visit, answer, comparison_frame, serve
from app.web.shared import formatting as show
from app.web.shared.find import find_comparison

router = APIRouter()

TOP = 4
MOST_NAMED = 3
"""Partners named in a sentence; the latent's page has all."""
"""Latents shown for each token and SAE."""

HEALTH_S = 1.5
"""Seconds that the empty page waits for the worker to answer."""

Latents = Mapping[tuple[Side, int], PromptLatent]


@serve(router, "/c/{slug}/prompt.json", "/c/{slug}/prompt")
async def prompt(request: Request, engine: EngineDep, inference: InferenceDep, slug: str) -> Response:
    """The empty form."""
    visit = await run_in_threadpool(_visit, request, engine, slug)
    chosen = _requested(request, visit.summary)
    notice = await _no_worker(inference)
    context = await run_in_threadpool(_empty, visit, chosen, "", notice)
    return _never_kept(answer(request, "prompt.html", context))


@router.post("/c/{slug}/prompt", include_in_schema=False)
async def read_text(request: Request, engine: EngineDep, inference: InferenceDep, slug: str) -> Response:
    """The page with the result for the form's text."""
    visit = await run_in_threadpool(_visit, request, engine, slug)
    chosen = _requested(request, visit.summary)
    # Browsers send line ends as CRLF, whatever was typed.
    text = (await read_form(request)).get("text", "").replace("\r\n", "\n")
    try:
        latents = await run_in_threadpool(_wanted, visit, chosen)
        result = await read_prompt(request, inference, engine, visit.summary, text, top=TOP, latents=latents)
    except (PromptError, WorkerError) as error:
        problem = worker_problem(error)
        notice = PromptNotice(problem.title, error.public)
        context = await run_in_threadpool(_empty, visit, chosen, text, notice)
        return _never_kept(answer(request, "prompt.html", context), problem.status, retry_headers(error))
    return _never_kept(answer(request, "prompt.html", _context(visit, chosen, text, result)))


def _visit(request: Request, engine: EngineDep, slug: str) -> Visit:
    """The comparison. Raises as `find_comparison`; where a name leads to its slug, the text of a form goes with it."""
    return Visit(request, engine, find_comparison(request, engine, slug))


def _requested(request: Request, summary: ComparisonSummary) -> LatentRef | None:
    """The chosen latent, from the address: `latent=narrow:17`. Raises QueryError."""
    text = read_params(request, ("latent",)).own.get("latent", "")
    if not text:
        return None
    side, _, index = text.partition(":")
    if side not in SIDES or not (index.isascii() and index.isdigit() and len(index) < 10):
        raise QueryError(f"latent is {text!r}; expected for example narrow:17", parameter="latent")
    ref = LatentRef.model_validate({"sae": side, "index": int(index)})
    check_latent(summary, ref.sae, ref.index)
    return ref


def _wanted(visit: Visit, chosen: LatentRef | None) -> tuple[LatentRef, ...]:
    """The chosen latent and its main partner."""
    if chosen is None:
        return ()
    main = read.get_latent(visit.engine, visit.slug, chosen.sae, chosen.index).main_partner
    return (chosen,) if main is None else (chosen, LatentRef(sae=other_side(chosen.sae), index=main))


async def _no_worker(inference: Inference) -> PromptNotice | None:
    try:
        async with asyncio.timeout(HEALTH_S):
            await inference.health()
    except TimeoutError:
        return PromptNotice("No inference worker", f"the inference worker did not answer within {HEALTH_S:g} s")
    except WorkerError as error:
        return PromptNotice("No inference worker", error.public)
    return None


def _empty(visit: Visit, chosen: LatentRef | None, text: str, notice: PromptNotice | None) -> PromptPage:
    """The page without an answer."""
    latent = None if chosen is None else read.get_latent(visit.engine, visit.slug, chosen.sae, chosen.index)
    if visit.summary.model_name is None:
        detail = "this comparison was made from stored activations, so there is no model to run a text through"
        notice = PromptNotice("No model", detail)
    shown = None
    if latent is not None:
        shown = PromptLatent(
            latent.sae,
            latent.index,
            latent.label,
            latent.diagnosis,
            latent.hedging_score,
            latent.max_activation,
            (),
            (),
        )
    return _page(visit, text=text, chosen=shown, notice=notice)


def _context(visit: Visit, requested: LatentRef | None, text: str, result: PromptResult) -> PromptPage:
    latents = {(latent.sae, latent.index): latent for latent in result.latents}
    chosen = _chosen(requested, latents)
    partner = _main_partner(chosen, latents)
    rows = tuple(_row(place, token, chosen, partner, latents) for place, token in enumerate(result.tokens))
    read_by = f"{result.model_name} at {result.hook_name}, {result.dtype} on {result.device}"
    shown = tuple(PromptShown(each, _main_partner(each, latents), _largest(each)) for each in result.latents)
    return _page(visit, text=text, chosen=chosen, partner=partner, rows=rows, latents=shown, read_by=read_by)


def _page(
    visit: Visit,
    *,
    text: str,
    chosen: PromptLatent | None,
    partner: PromptLatent | None = None,
    rows: tuple[PromptRow, ...] = (),
    latents: tuple[PromptShown, ...] = (),
    notice: PromptNotice | None = None,
    read_by: str | None = None,
) -> PromptPage:
    description = f"Which latents of both SAEs of {visit.summary.name} fire on a text of your own."
    return PromptPage(
        frame=comparison_frame(visit, "Try a text", description, api=None),
        summary=visit.summary,
        text=text,
        chosen=chosen,
        chosen_partner=partner,
        rows=rows,
        latents=latents,
        notice=notice,
        read_by=read_by,
    )


def _chosen(requested: LatentRef | None, latents: Latents) -> PromptLatent | None:
    """The requested latent; else, of the hedged narrow ones, the one nearest to its largest activation; else any."""
    if requested is not None and (requested.sae, requested.index) in latents:
        return latents[requested.sae, requested.index]
    firing = [latent for latent in latents.values() if latent.firings]
    hedged = [latent for latent in firing if latent.sae == "narrow" and latent.diagnosis == "hedged"]
    return max(hedged or firing, key=_relative, default=None)


def _relative(latent: PromptLatent) -> float:
    return max(firing.activation for firing in latent.firings) / _largest(latent)


def _largest(latent: PromptLatent) -> float:
    """The activation that gets full colour."""
    found = latent.max_activation or max((firing.activation for firing in latent.firings), default=0.0)
    return found or 1.0


def _main_partner(chosen: PromptLatent | None, latents: Latents) -> PromptLatent | None:
    if chosen is None:
        return None
    side = other_side(chosen.sae)
    main = (latents.get((side, partner.index)) for partner in chosen.partners if partner.diagnosis == "main")
    return next((latent for latent in main if latent is not None), None)


def _row(
    place: int, token: PromptToken, chosen: PromptLatent | None, partner: PromptLatent | None, latents: Latents
) -> PromptRow:
    activation, other = _at(chosen, place), _at(partner, place)
    return PromptRow(
        place=place,
        text=token.text,
        scored=token.scored,
        activation=activation,
        other=other,
        strength=0 if chosen is None else show.intensity(activation, _largest(chosen)),
        other_strength=0 if partner is None else show.intensity(other, _largest(partner)),
        n_active_narrow=token.n_active_narrow,
        n_active_reference=token.n_active_reference,
        narrow=_choices("narrow", token.narrow, latents),
        reference=_choices("reference", token.reference, latents),
    )


def _at(latent: PromptLatent | None, place: int) -> float:
    if latent is None:
        return 0.0
    return next((firing.activation for firing in latent.firings if firing.token == place), 0.0)


def _choices(side: Side, active: Sequence[ActiveLatent], latents: Latents) -> tuple[PromptChoice, ...]:
    found = ((one, latents.get((side, one.index))) for one in active)
    return tuple(
        PromptChoice(side, one.index, latent.label, one.activation, latent.diagnosis, _partners(latent))
        for one, latent in found
        if latent is not None
    )


def _partners(latent: PromptLatent) -> str:
    """Its named partners in words."""
    found = [f"{p.index} {show.plain(p.label)}".strip() for p in latent.partners if p.diagnosis == "hedged"]
    if not found:
        return ""
    more = [f"{len(found) - MOST_NAMED} more"] if len(found) > MOST_NAMED else []
    named = ", ".join(found[:MOST_NAMED] + more)
    return f"hedged with reference {named}" if latent.sae == "narrow" else f"mixed into narrow {named}"


def _never_kept(response: Response, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    response.status_code = status
    response.headers.update({**NEVER_KEPT, **(headers or {})})
    return response

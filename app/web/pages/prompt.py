"""`/c/{slug}/prompt`: a live prompt. The form works without JavaScript; the text is never in an address."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from fastapi import APIRouter
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from app.errors import PromptError, WorkerError
from app.inference.client import Inference
from app.inference.wire import LatentRef
from app.records import ComparisonSummary, Side
from app.records.sides import other_side
from app.serving.headers import NEVER_KEPT
from app.store import read
from app.web.http import links
from app.web.http.bodies import read_form
from app.web.http.deps import EngineDep, InferenceDep
from app.web.live.prompt import read_prompt
from app.web.live.prompt_records import ActiveLatent, PromptLatent, PromptResult, PromptToken
from app.web.live.worker_errors import retry_headers, worker_problem
from app.web.pages.contexts.prompt import (
    PromptChoice,
    PromptExample,
    PromptGrid,
    PromptNotice,
    PromptPage,
    PromptRow,
    PromptShown,
)
from app.web.pages.params import read_params
from app.web.pages.prompt_grid import Pins, largest_of, parse_latent, parse_pins, pin_url, prompt_grid
from app.web.pages.respond import Visit, answer, comparison_frame, serve
from app.web.shared import formatting as show
from app.web.shared.find import find_comparison

router = APIRouter()

TOP = 4
"""Latents shown for each token and SAE."""

MOST_NAMED = 3
"""Partners named in a sentence; the latent's page has all."""

EXAMPLES = (
    "She had not said a word, but he didn't mind at all.",
    "Le chat est sur la table, et les enfants jouent dehors.",
    "In 1999 the price rose by 25 %, from $1,200 to $1,500.",
)

HEALTH_S = 1.5
"""Seconds that the empty page waits for the worker to answer."""

Latents = Mapping[tuple[Side, int], PromptLatent]


@dataclass(frozen=True)
class State:
    """What the address of the page says: the chosen latent, the pinned ones, and the text of an example."""

    chosen: LatentRef | None
    pins: Pins
    text: str


@serve(router, "/c/{slug}/prompt.json", "/c/{slug}/prompt")
async def prompt(request: Request, engine: EngineDep, inference: InferenceDep, slug: str) -> Response:
    """The empty form."""
    visit = await run_in_threadpool(_visit, request, engine, slug)
    state = _state(request, visit.summary)
    notice = await _no_worker(inference)
    context = await run_in_threadpool(_empty, visit, state, state.text, notice)
    return _never_kept(answer(request, "prompt.html", context))


@router.post("/c/{slug}/prompt", include_in_schema=False)
async def read_text(request: Request, engine: EngineDep, inference: InferenceDep, slug: str) -> Response:
    """The page with the result for the form's text."""
    visit = await run_in_threadpool(_visit, request, engine, slug)
    state = _state(request, visit.summary)
    # Browsers send line ends as CRLF, whatever was typed.
    text = (await read_form(request)).get("text", "").replace("\r\n", "\n")
    try:
        latents = await run_in_threadpool(_wanted, visit, state)
        result = await read_prompt(request, inference, engine, visit.summary, text, top=TOP, latents=latents)
    except (PromptError, WorkerError) as error:
        problem = worker_problem(error)
        notice = PromptNotice(problem.title, error.public)
        context = await run_in_threadpool(_empty, visit, state, text, notice)
        return _never_kept(answer(request, "prompt.html", context), problem.status, retry_headers(error))
    return _never_kept(answer(request, "prompt.html", _context(visit, state, text, result)))


def _visit(request: Request, engine: EngineDep, slug: str) -> Visit:
    """The comparison. Raises as `find_comparison`; where a name leads to its slug, the text of a form goes with it."""
    return Visit(request, engine, find_comparison(request, engine, slug))


def _state(request: Request, summary: ComparisonSummary) -> State:
    """What the address says. Raises QueryError."""
    params = read_params(request, ("latent", "pin", "example"))
    latent, example = params.own.get("latent", ""), params.own.get("example", "")
    text = EXAMPLES[params.whole("example", 0, 0, len(EXAMPLES) - 1)] if example else ""
    chosen = parse_latent(latent, "latent", summary) if latent else None
    return State(chosen, parse_pins(params.own.get("pin", ""), summary), text)


def _wanted(visit: Visit, state: State) -> tuple[LatentRef, ...]:
    """The chosen latent, its main partner, and the pinned ones."""
    wanted = list(state.pins)
    if (chosen := state.chosen) is not None:
        main = read.get_latent(visit.engine, visit.slug, chosen.sae, chosen.index).main_partner
        wanted = [chosen, *([] if main is None else [LatentRef(sae=other_side(chosen.sae), index=main)]), *wanted]
    return tuple(dict.fromkeys(wanted))


async def _no_worker(inference: Inference) -> PromptNotice | None:
    try:
        async with asyncio.timeout(HEALTH_S):
            await inference.health()
    except TimeoutError:
        return PromptNotice("No inference worker", f"the inference worker did not answer within {HEALTH_S:g} s")
    except WorkerError as error:
        return PromptNotice("No inference worker", error.public)
    return None


def _empty(visit: Visit, state: State, text: str, notice: PromptNotice | None) -> PromptPage:
    """The page without an answer."""
    chosen = state.chosen
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
    return _page(visit, state, text=text, chosen=shown, notice=notice)


def _context(visit: Visit, state: State, text: str, result: PromptResult) -> PromptPage:
    latents = {(latent.sae, latent.index): latent for latent in result.latents}
    chosen = _chosen(state.chosen, latents)
    partner = _main_partner(chosen, latents)
    shown_by = partial(_choices, visit.slug, state.pins, latents)
    rows = tuple(_row(place, token, chosen, partner, shown_by) for place, token in enumerate(result.tokens))
    read_by = f"{result.model_name} at {result.hook_name}, {result.dtype} on {result.device}"
    shown = tuple(_shown(visit, state, each, latents) for each in result.latents)
    grid = prompt_grid(result, state.pins, state.chosen)
    return _page(
        visit, state, text=text, chosen=chosen, partner=partner, rows=rows, latents=shown, grid=grid, read_by=read_by
    )


def _shown(visit: Visit, state: State, latent: PromptLatent, latents: Latents) -> PromptShown:
    ref = LatentRef(sae=latent.sae, index=latent.index)
    url = pin_url(visit.slug, state.pins, ref, ref)
    return PromptShown(latent, _main_partner(latent, latents), largest_of(latent), url, ref in state.pins)


def _page(
    visit: Visit,
    state: State,
    *,
    text: str,
    chosen: PromptLatent | None,
    partner: PromptLatent | None = None,
    rows: tuple[PromptRow, ...] = (),
    latents: tuple[PromptShown, ...] = (),
    grid: PromptGrid | None = None,
    notice: PromptNotice | None = None,
    read_by: str | None = None,
) -> PromptPage:
    description = f"Which latents of both SAEs of {visit.summary.name} fire on a text of your own."
    return PromptPage(
        frame=comparison_frame(visit, "Try your text", description, api=None),
        summary=visit.summary,
        text=text,
        chosen=chosen,
        chosen_partner=partner,
        rows=rows,
        latents=latents,
        form_url=links.prompt(visit.slug, state.chosen, state.pins),
        shown=next((each for each in latents if each.latent is chosen), None),
        grid=grid,
        examples=tuple(
            PromptExample(example, links.prompt(visit.slug, state.chosen, state.pins, place))
            for place, example in enumerate(EXAMPLES)
        ),
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
    return max(firing.activation for firing in latent.firings) / largest_of(latent)


def _main_partner(chosen: PromptLatent | None, latents: Latents) -> PromptLatent | None:
    if chosen is None:
        return None
    side = other_side(chosen.sae)
    main = (latents.get((side, partner.index)) for partner in chosen.partners if partner.diagnosis == "main")
    return next((latent for latent in main if latent is not None), None)


def _row(
    place: int,
    token: PromptToken,
    chosen: PromptLatent | None,
    partner: PromptLatent | None,
    shown_by: Callable[[Side, Sequence[ActiveLatent]], tuple[PromptChoice, ...]],
) -> PromptRow:
    activation, other = _at(chosen, place), _at(partner, place)
    return PromptRow(
        place=place,
        text=token.text,
        scored=token.scored,
        activation=activation,
        other=other,
        strength=0 if chosen is None else show.intensity(activation, largest_of(chosen)),
        other_strength=0 if partner is None else show.intensity(other, largest_of(partner)),
        n_active_narrow=token.n_active_narrow,
        n_active_reference=token.n_active_reference,
        narrow=shown_by("narrow", token.narrow),
        reference=shown_by("reference", token.reference),
    )


def _at(latent: PromptLatent | None, place: int) -> float:
    if latent is None:
        return 0.0
    return next((firing.activation for firing in latent.firings if firing.token == place), 0.0)


def _choices(
    slug: str, pins: Pins, latents: Latents, side: Side, active: Sequence[ActiveLatent]
) -> tuple[PromptChoice, ...]:
    found = ((one, latents.get((side, one.index))) for one in active)
    return tuple(
        PromptChoice(
            sae=side,
            index=one.index,
            label=latent.label,
            activation=one.activation,
            diagnosis=latent.diagnosis,
            partners=_partners(latent),
            url=links.prompt(slug, latent, pins),
        )
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

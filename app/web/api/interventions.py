"""`/comparisons/{slug}/interventions` and `/interventions/{number}`: what latents let go of, with the control."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query
from starlette.requests import Request
from starlette.responses import Response

from app.store.interventions import latent_releases_of, pair_releases
from app.store.lookup import MAX_INDEX
from app.web.api.formats import format_of, list_file
from app.web.api.models import Intervention, InterventionItem, InterventionList
from app.web.api.routes import BY_ACCEPT, get, json_response
from app.web.http.caching import checked
from app.web.http.deps import EngineDep, Slug
from app.web.http.params import check_parameters
from app.web.shared.find import find_comparison, find_intervention, find_interventions

router = APIRouter(tags=["Interventions"])

Number = Annotated[int, Path(ge=1, le=MAX_INDEX, description="An intervention's number.")]
Narrow = Annotated[int | None, Query(ge=0, le=MAX_INDEX, description="Only pairs and sums of this narrow latent.")]
Reference = Annotated[int | None, Query(ge=0, le=MAX_INDEX, description="Only pairs with this reference latent.")]


async def _known_parameters(request: Request) -> None:
    check_parameters(request, ("narrow", "reference"))


@get(router, "/comparisons/{slug}/interventions", InterventionList, problems=(400, 404), files=True)
def list_interventions(request: Request, engine: EngineDep, slug: Slug) -> Response:
    """The interventions on a comparison, newest first; more may be added later."""
    comparison = find_comparison(request, engine, slug)
    items = tuple(InterventionItem(number, summary) for number, summary in find_interventions(engine, comparison.slug))
    kind = format_of(request)
    if kind != "json":
        return checked(request, list_file(request, f"{comparison.slug}-interventions", items, kind))
    return checked(request, json_response(InterventionList(items, None, len(items)), BY_ACCEPT))


@get(
    router,
    "/interventions/{number}",
    Intervention,
    problems=(400, 404, 422),
    checks=(Depends(_known_parameters),),
    files=True,
)
def get_intervention(
    request: Request, engine: EngineDep, number: Number, narrow: Narrow = None, reference: Reference = None
) -> Response:
    """One intervention: design, controls, and the releases of pairs and narrow latents, the largest pairs first.

    A file has the pairs.
    """
    summary = find_intervention(engine, number)
    pairs = pair_releases(engine, number, narrow=narrow, reference=reference)
    kind = format_of(request)
    if kind != "json":
        return checked(request, list_file(request, f"intervention-{number}", pairs, kind))
    latents = latent_releases_of(engine, number, None if narrow is None else [narrow])
    return checked(request, json_response(Intervention(number, summary, tuple(pairs), tuple(latents)), BY_ACCEPT))

"""`/comparisons/{slug}/latents` and one latent of either SAE."""

from __future__ import annotations

from collections.abc import Mapping

from fastapi import APIRouter
from sqlalchemy import Engine
from starlette.requests import Request
from starlette.responses import Response

from app.records import Context, Side, TextRow
from app.store import read
from app.store.page import LatentList, LatentQuery
from app.web.api.models import Latent, LatentContext, Neighbours
from app.web.api.query import LatentQueryDep, filter_parameters
from app.web.api.routes import get, json_response
from app.web.http import links
from app.web.http.caching import immutable
from app.web.http.deps import EngineDep, Index
from app.web.shared.find import ComparisonDep
from app.web.shared.text import tokens_of

router = APIRouter(prefix="/comparisons/{slug}", tags=["Latents"])

ONE_LATENT = (400, 404, 422)


@get(router, "/latents", LatentList, problems=(400, 404), checks=(), extra=filter_parameters())
def list_latents(request: Request, engine: EngineDep, comparison: ComparisonDep, query: LatentQueryDep) -> Response:
    """A page of one SAE's latents; the header `Link` leads to the next one."""
    return immutable(request, lambda: _page(request, engine, comparison.slug, query), comparison.content_hash)


@get(router, "/narrow/{index}", Latent, problems=ONE_LATENT)
def get_narrow(request: Request, engine: EngineDep, comparison: ComparisonDep, index: Index) -> Response:
    """One latent of the narrow SAE, with the evidence for its scores."""
    return immutable(request, lambda: _latent(engine, comparison.slug, "narrow", index), comparison.content_hash)


@get(router, "/reference/{index}", Latent, problems=ONE_LATENT)
def get_reference(request: Request, engine: EngineDep, comparison: ComparisonDep, index: Index) -> Response:
    """One latent of the reference SAE, with the evidence for its scores."""
    return immutable(request, lambda: _latent(engine, comparison.slug, "reference", index), comparison.content_hash)


def _page(request: Request, engine: Engine, slug: str, query: LatentQuery) -> Response:
    page = read.latents_page(engine, slug, query)
    response = json_response(page)
    if page.next is not None:
        kept = [pair for pair in request.query_params.multi_items() if pair[0] != "cursor"]
        next_url = links.with_query(f"{links.api_comparison(slug)}/latents", [*kept, ("cursor", page.next)])
        response.headers["Link"] = f'<{next_url}>; rel="next"'
    return response


def _latent(engine: Engine, slug: str, side: Side, index: int) -> Response:
    scores = read.get_latent(engine, slug, side, index)
    detail = read.get_detail(engine, slug, side, index)
    partners = read.partners_of_narrow if side == "narrow" else read.partners_of_reference
    rows = read.text_rows(engine, slug, {context.row for context in detail.contexts})
    latent = Latent(
        **vars(scores),
        partners=tuple(partners(engine, slug, index)),
        histogram=detail.histogram,
        contexts=tuple(_with_tokens(context, rows) for context in detail.contexts),
        neighbours=Neighbours(detail.same_sae, detail.other_sae),
        logit_weights=detail.logit_weights,
    )
    return json_response(latent)


def _with_tokens(context: Context, rows: Mapping[int, TextRow]) -> LatentContext:
    return LatentContext(**vars(context), tokens=tokens_of(rows, context.row, context.start, len(context.activations)))

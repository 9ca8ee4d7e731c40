"""`/comparisons/{slug}/latents` and one latent of either SAE."""

from __future__ import annotations

from functools import partial
from typing import Any

from fastapi import APIRouter
from sqlalchemy import Engine
from starlette.requests import Request
from starlette.responses import Response

from app.records import Side
from app.store import read
from app.store.page import LatentQuery, RowPage
from app.web.api.formats import format_of, latent_file
from app.web.api.latent_rows import items_of, with_tokens
from app.web.api.models import Latent, LatentPage, Neighbours
from app.web.api.query import LatentParametersQuery, Selection, filter_parameters, read_query, read_selection
from app.web.api.routes import BY_ACCEPT, get, json_response
from app.web.http import links
from app.web.http.caching import immutable
from app.web.http.deps import EngineDep, Index, Slug
from app.web.shared.find import find_comparison

router = APIRouter(prefix="/comparisons/{slug}", tags=["Latents"])

ONE_LATENT = (400, 404, 422)


@get(router, "/latents", LatentPage, problems=(400, 404), checks=(), extra=filter_parameters(), files=True)
def list_latents(request: Request, slug: Slug, given: LatentParametersQuery) -> Response:
    """A page of one SAE's latents; the header `Link` leads to the next one and back."""
    query, selection, kind = read_query(request, given), read_selection(given), format_of(request)
    engine: Engine = request.app.state.engine
    comparison = find_comparison(request, engine, slug)
    if kind != "json":
        name = f"{comparison.slug}-{query.side}"
        blocks = partial(read.row_blocks, engine, comparison.slug, query)
        return immutable(request, lambda: latent_file(request, name, kind, blocks), comparison.content_hash + kind)
    return immutable(
        request, lambda: _page(request, engine, comparison.slug, query, selection), comparison.content_hash
    )


@get(router, "/narrow/{index}", Latent, problems=ONE_LATENT)
def get_narrow(request: Request, engine: EngineDep, slug: Slug, index: Index) -> Response:
    """One latent of the narrow SAE, with the evidence for its scores."""
    comparison = find_comparison(request, engine, slug)
    return immutable(request, lambda: _latent(engine, comparison.slug, "narrow", index), comparison.content_hash)


@get(router, "/reference/{index}", Latent, problems=ONE_LATENT)
def get_reference(request: Request, engine: EngineDep, slug: Slug, index: Index) -> Response:
    """One latent of the reference SAE, with the evidence for its scores."""
    comparison = find_comparison(request, engine, slug)
    return immutable(request, lambda: _latent(engine, comparison.slug, "reference", index), comparison.content_hash)


def _page(request: Request, engine: Engine, slug: str, query: LatentQuery, selection: Selection) -> Response:
    page = read.row_page(engine, slug, query)
    content: dict[str, Any] = {
        "items": items_of(engine, slug, query.side, page.rows, selection),
        "next": page.next,
        "total": page.total,
    }
    if selection.facets:
        content["facets"] = read.facets_of(engine, slug, query, selection.facets)
    response = json_response(content, BY_ACCEPT)
    response.headers.update(_link(request, slug, page))
    return response


def _link(request: Request, slug: str, page: RowPage) -> dict[str, str]:
    kept = [pair for pair in request.query_params.multi_items() if pair[0] != "cursor"]
    found = []
    for relation, cursor in (("next", page.next), ("prev", page.previous)):
        if cursor is not None:
            place = [("cursor", cursor)] if cursor else []
            url = links.with_query(f"{links.api_comparison(slug)}/latents", [*kept, *place])
            found.append(f'<{url}>; rel="{relation}"')
    return {"Link": ", ".join(found)} if found else {}


def _latent(engine: Engine, slug: str, side: Side, index: int) -> Response:
    scores = read.get_latent(engine, slug, side, index)
    detail = read.get_detail(engine, slug, side, index)
    partners = read.partners_of_narrow if side == "narrow" else read.partners_of_reference
    rows = read.text_rows(engine, slug, {context.row for context in detail.contexts})
    latent = Latent(
        **vars(scores),
        partners=tuple(partners(engine, slug, index)),
        histogram=detail.histogram,
        contexts=tuple(with_tokens(context, rows) for context in detail.contexts),
        neighbours=Neighbours(detail.same_sae, detail.other_sae),
        logit_weights=detail.logit_weights,
    )
    return json_response(latent)

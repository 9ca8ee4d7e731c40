"""`/search`: latents, comparisons and SAEs by one text; its twin fills the suggestions of the search box."""

from __future__ import annotations

from collections.abc import Iterator

from fastapi import APIRouter
from sqlalchemy import Engine
from starlette.requests import Request
from starlette.responses import Response

from app.records import ComparisonSummary, LatentScores, Side
from app.records.sides import SIDES
from app.store import read
from app.store.page import LatentQuery
from app.store.search import parse_search
from app.web.http import links
from app.web.http.deps import EngineDep
from app.web.pages.contexts.common import Crumb
from app.web.pages.contexts.search import SearchGroup, SearchHit, SearchPage
from app.web.pages.latents import DEFAULT_SORT
from app.web.pages.params import read_params
from app.web.pages.respond import changing_page, make_frame, page
from app.web.shared import formatting as show
from app.web.shared.find import all_comparisons, all_saes

router = APIRouter()

MOST_HITS = 6
MOST_COMPARISONS = 3
"""Comparisons whose latents are searched where the search names none: the newest."""


@page(router, "/search")
def search(request: Request, engine: EngineDep) -> Response:
    """What a search finds."""
    params = read_params(request, ("q", "in"))
    q, scope = params.own.get("q", ""), params.own.get("in")
    parse_search(q)
    comparisons = all_comparisons(engine)
    searched = [c for c in comparisons if c.slug == scope] if scope else comparisons[:MOST_COMPARISONS]
    groups = tuple(group for group in _groups(engine, q, comparisons, searched) if group.hits) if q.strip() else ()
    frame = make_frame(
        request,
        f"Search: {q}" if q else "Search",
        "Latents by the tokens that they fire on, comparisons and SAEs by their names.",
        (Crumb("Comparisons", links.home()),),
        slug=searched[0].slug if scope and searched else None,
    )
    return changing_page(request, "search.html", SearchPage(frame, q, scope, groups))


def _groups(
    engine: Engine, q: str, comparisons: list[ComparisonSummary], searched: list[ComparisonSummary]
) -> Iterator[SearchGroup]:
    for summary in searched:
        for side in SIDES:
            yield _latents(engine, summary, side, q)
    named = [c for c in comparisons if q.strip().casefold() in c.name.casefold()]
    yield SearchGroup(
        "Comparisons",
        tuple(
            SearchHit(links.comparison(c.slug), c.name, "", f"{c.narrow.sae.name} against {c.reference.sae.name}")
            for c in named[:MOST_HITS]
        ),
        links.home() if len(named) > MOST_HITS else None,
    )
    saes = [sae for sae in all_saes(engine) if q.strip().casefold() in sae.name.casefold()]
    yield SearchGroup(
        "SAEs",
        tuple(SearchHit(links.saes(s.name), s.name, "", f"{s.d_sae:,} latents") for s in saes[:MOST_HITS]),
        links.saes() if len(saes) > MOST_HITS else None,
    )


def _latents(engine: Engine, summary: ComparisonSummary, side: Side, q: str) -> SearchGroup:
    """Latents of one SAE; the one whose index was typed comes first."""
    query = LatentQuery(side, DEFAULT_SORT[side], q=q, limit=MOST_HITS, count="none")
    found = read.latents_page(engine, summary.slug, query)
    index = getattr(parse_search(q), "index", None)
    items = sorted(found.items, key=lambda latent: latent.index != index)
    if index is not None and all(latent.index != index for latent in items):
        exact = read.latents_page(
            engine, summary.slug, LatentQuery(side, "index", q=f"#{index}", limit=1, count="none")
        )
        items = [*exact.items, *items][:MOST_HITS]
    return SearchGroup(
        f"{side.capitalize()} latents of {summary.name}",
        tuple(_hit(summary.slug, latent) for latent in items),
        links.latents(summary.slug, (("sae", side), ("q", q))) if found.next else None,
    )


def _hit(slug: str, latent: LatentScores) -> SearchHit:
    note = f"fires on {show.percent(latent.density)} of tokens"
    if latent.hedging_score is not None:
        note = f"hedging score {show.number(latent.hedging_score)}, {note}"
    return SearchHit(
        links.latent(slug, latent.sae, latent.index), f"{latent.sae} {latent.index}", show.plain(latent.label), note
    )

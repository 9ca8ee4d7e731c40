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
from app.store.search import MAX_SEARCH_CHARACTERS, parse_search
from app.store.text_search import search_text
from app.web.http import links
from app.web.http.deps import EngineDep
from app.web.pages.contexts.common import Crumb
from app.web.pages.contexts.search import SearchGroup, SearchHit, SearchPage, TextHit
from app.web.pages.latents import DEFAULT_SORT
from app.web.pages.params import read_params
from app.web.pages.respond import changing_page, make_frame, page
from app.web.shared import formatting as show
from app.web.shared.find import all_comparisons, all_saes

router = APIRouter()

MOST_HITS = 6
MOST_PLACES = 10
MOST_NAMED = 2
"""Latents of each SAE that are named next to a place in the text."""

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
    places: tuple[TextHit, ...] = ()
    complete = True
    if scope and searched and q.strip() and not request.url.path.endswith(".json"):
        # Suggestions, which the twin fills, come while people type: the text takes longer.
        places, complete = text_hits(engine, searched[0].slug, q)
    return changing_page(request, "search.html", SearchPage(frame, q, scope, groups, places, complete))


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


def text_hits(engine: Engine, slug: str, q: str) -> tuple[tuple[TextHit, ...], bool]:
    """Places where a comparison's text has a search, with the latents named by the token there; whether all was read.

    A search for an index or a class of tokens is none of text; of alternatives the first is looked for.
    """
    parsed = parse_search(q)
    if parsed is None or not parsed.terms or parsed.token_class is not None:
        return (), True
    found, complete = search_text(engine, slug, parsed.terms[0].text, MOST_PLACES)
    named: dict[str, tuple[SearchHit, ...]] = {}
    hits = []
    for place in found:
        k = place.position - place.start
        token = place.tokens[k]
        if token not in named:
            named[token] = _named_by(engine, slug, token)
        before, after = ("".join(map(show.plain, part)) for part in (place.tokens[:k], place.tokens[k + 1 :]))
        hits.append(TextHit(place.row, before, show.plain(token), after, named[token]))
    return tuple(hits), complete


def _named_by(engine: Engine, slug: str, token: str) -> tuple[SearchHit, ...]:
    """The first latents of both SAEs whose label has this very token."""
    word = token.strip()
    if not word or len(word) > MAX_SEARCH_CHARACTERS - 2:
        return ()
    found: list[LatentScores] = []
    for side in SIDES:
        query = LatentQuery(side, DEFAULT_SORT[side], q=f'"{word}"', limit=MOST_NAMED, count="none")
        found += read.latents_page(engine, slug, query).items
    return tuple(_hit(slug, latent) for latent in found)


def _hit(slug: str, latent: LatentScores) -> SearchHit:
    note = f"fires on {show.percent(latent.density)} of tokens"
    if latent.hedging_score is not None:
        note = f"hedging score {show.number(latent.hedging_score)}, {note}"
    return SearchHit(
        links.latent(slug, latent.sae, latent.index), f"{latent.sae} {latent.index}", show.plain(latent.label), note
    )

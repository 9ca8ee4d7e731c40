"""`/comparisons/{slug}/search`: a text in the labels of both SAEs, and in the comparison's own text."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Depends, Query
from sqlalchemy import Engine
from starlette.requests import Request
from starlette.responses import Response

from app.records import LatentScores, Side
from app.store import read
from app.store.page import LatentQuery
from app.store.search import MAX_SEARCH_CHARACTERS
from app.store.text_search import TextPlace, search_text
from app.web.api.routes import get, json_response
from app.web.http.caching import immutable
from app.web.http.deps import EngineDep, Slug
from app.web.http.params import check_parameters
from app.web.shared.find import find_comparison

router = APIRouter(prefix="/comparisons/{slug}", tags=["Latents"])

Text = Annotated[
    str,
    Query(min_length=1, max_length=MAX_SEARCH_CHARACTERS, description="What to find, in any case.", examples=["cat"]),
]
Limit = Annotated[int, Query(ge=1, le=100, description="Most latents of each SAE, and most places in the text.")]


@dataclass(frozen=True)
class FoundLatents:
    """Latents whose label has the text.

    Attributes:
        items: those with the highest hedging scores; of the reference, those that fire most often.
        total: how many there are; null where more than 10,000.
    """

    items: tuple[LatentScores, ...]
    total: int | None


@dataclass(frozen=True)
class SearchAnswer:
    """Where a text occurs.

    Attributes:
        q: the text.
        narrow, reference: latents whose label has it: the tokens they fire on most strongly.
        text: places in the comparison's text, in order; labels say which latents fire there.
        complete: whether all of the stored text was read.
    """

    q: str
    narrow: FoundLatents
    reference: FoundLatents
    text: tuple[TextPlace, ...]
    complete: bool


async def _known_parameters(request: Request) -> None:
    check_parameters(request, ("q", "limit"))


@get(router, "/search", SearchAnswer, problems=(400, 404), checks=(Depends(_known_parameters),))
def search(request: Request, engine: EngineDep, slug: Slug, q: Text, limit: Limit = 20) -> Response:
    """A text in the labels of both SAEs, and in the text that the comparison was made on."""
    comparison = find_comparison(request, engine, slug)
    return immutable(request, lambda: _answer(engine, comparison.slug, q, limit), comparison.content_hash)


def _answer(engine: Engine, slug: str, q: str, limit: int) -> Response:
    places, complete = search_text(engine, slug, q, limit)
    narrow, reference = _found(engine, slug, "narrow", q, limit), _found(engine, slug, "reference", q, limit)
    return json_response(SearchAnswer(q, narrow, reference, tuple(places), complete))


def _found(engine: Engine, slug: str, side: Side, q: str, limit: int) -> FoundLatents:
    sort = "-hedging_score" if side == "narrow" else "-density"
    page = read.latents_page(engine, slug, LatentQuery(side, sort, q=q, limit=limit))
    return FoundLatents(tuple(page.items), page.total)

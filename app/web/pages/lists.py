"""`/lists`: latents with notes. The list is its address: nothing is stored, and a link to it is the list."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from fastapi import APIRouter
from sqlalchemy import Engine
from starlette.requests import Request
from starlette.responses import Response

from app.errors import HedgescopeError, NotFoundError, QueryError
from app.records import Side
from app.store import read
from app.web.http import links
from app.web.http.deps import EngineDep
from app.web.pages.contexts.common import Crumb
from app.web.pages.contexts.lists import ListItem, ListPage
from app.web.pages.params import read_params
from app.web.pages.respond import changing_page, make_frame, page
from app.web.shared.find import whole_comparison

router = APIRouter()

ITEM = re.compile(r"(?:\S*/)?([^/\s]+)/(narrow|reference)/(\d{1,9})(?:[?#]\S*)?(?:\s+(.*))?", re.DOTALL)
"""`SLUG/narrow/17`, also at the end of a page's address, and then a note."""

MOST_ITEMS = 50
LONGEST_TEXT = 500
"""Characters of a note or a title."""


@page(router, "/lists")
def latent_list(request: Request, engine: EngineDep) -> Response:
    """The latents that the address names."""
    params = read_params(request, ("title", "item", "add", "note"), repeated=("item",))
    title = _text("title", params.own.get("title", "").strip())
    values = [value for value in request.query_params.getlist("item") if value.strip()]
    if added := params.own.get("add", "").strip():
        values.append(f"{added} {params.own.get('note', '').strip()}".strip())
    if len(values) > MOST_ITEMS:
        raise QueryError(f"{len(values)} items; expected at most {MOST_ITEMS}", parameter="item")
    items = tuple(_items(engine, title, [_tidy(value) for value in values]))
    frame = make_frame(
        request,
        title or "List of latents",
        f"{len(items)} latents with notes; the link is the list.",
        (Crumb("Comparisons", links.home()),),
    )
    return changing_page(request, "list.html", ListPage(frame, title, items))


def _text(name: str, text: str) -> str:
    if len(text) > LONGEST_TEXT:
        raise QueryError(f"{name} has {len(text)} characters; expected at most {LONGEST_TEXT}", parameter=name)
    return text


def _tidy(value: str) -> str:
    """An item in the one way that links have it. Raises QueryError."""
    found = ITEM.fullmatch(value.strip())
    if found is None:
        example = "for example demo/narrow/17, or the address of a latent's page"
        raise QueryError(f"item is {value[:80]!r}; expected {example}", parameter="item")
    slug, side, index, note = found.groups()
    return f"{slug}/{side}/{int(index)} {_text('note', (note or '').strip())}".strip()


def _items(engine: Engine, title: str, values: Sequence[str]) -> Iterator[ListItem]:
    for place, value in enumerate(values):
        others = tuple(("item", each) for at, each in enumerate(values) if at != place)
        without = links.lists((*((("title", title),) if title else ()), *others))
        yield _item(engine, value, without)


def _item(engine: Engine, value: str, without: str) -> ListItem:
    where, _, note = value.partition(" ")
    slug, side_name, index = where.split("/")
    side: Side = "narrow" if side_name == "narrow" else "reference"
    try:
        if "\x00" in slug:
            raise NotFoundError("a name has no NUL")
        summary = whole_comparison(engine, slug)
        latent = read.get_latent(engine, summary.slug, side, int(index))
    except HedgescopeError as error:
        return ListItem(value, slug, "", None, note, without, error.public)
    return ListItem(value, summary.slug, summary.name, latent, note, without, None)

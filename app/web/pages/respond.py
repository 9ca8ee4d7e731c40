"""How a page answers: one handler for the page and its `.json` twin, redirects to the tidy URL, ETags."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING
from urllib.parse import quote

import orjson
from fastapi import APIRouter
from sqlalchemy import Engine
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

import app
from app.records import ComparisonSummary
from app.web.http import links
from app.web.http.caching import checked, immutable, tagged
from app.web.http.params import FRAME
from app.web.pages.contexts.common import Crumb, Frame
from app.web.shared.find import find_comparison, redirect
from app.web.shared.templating import render

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

LATENT_PAGE = re.compile(r"/c/([^/]+/(?:narrow|reference)/\d+)")
Handler = Callable[..., Response | Awaitable[Response]]


@dataclass(frozen=True)
class Visit:
    """A request about one comparison."""

    request: Request
    engine: Engine
    summary: ComparisonSummary

    @property
    def slug(self) -> str:
        """The comparison's whole slug."""
        return self.summary.slug


def serve(router: APIRouter, *paths: str) -> Callable[[Handler], Handler]:
    """Registers a handler for GET and HEAD of these paths, outside the API's description."""

    def register(handler: Handler) -> Handler:
        for path in paths:
            router.add_api_route(path, handler, methods=["GET", "HEAD"], include_in_schema=False)
        return handler

    return register


def page(router: APIRouter, path: str, twin: str | None = None) -> Callable[[Handler], Handler]:
    """Registers a handler for a page and for its twin, `path.json` unless named otherwise."""
    return serve(router, twin or f"{path}.json", path)


def answer(request: Request, template: str, context: DataclassInstance) -> Response:
    """The page, or its fields as JSON if the twin was requested."""
    if _path(request).endswith(".json"):
        return Response(orjson.dumps(context, option=orjson.OPT_NON_STR_KEYS), media_type="application/json")
    return HTMLResponse(render(template, **{f.name: getattr(context, f.name) for f in fields(context)}))


def changing_page(request: Request, template: str, context: DataclassInstance) -> Response:
    """A page that may change at any time: the browser keeps it, but checks each time."""
    return checked(request, answer(request, template, context))


def comparison_page(
    request: Request,
    engine: Engine,
    slug: str,
    template: str,
    build: Callable[[Visit], DataclassInstance],
    *,
    state: Callable[[Visit], str] | None = None,
) -> Response:
    """A page of one comparison, which never changes; see `comparison_answer`."""
    return comparison_answer(request, engine, slug, lambda visit: answer(request, template, build(visit)), state=state)


def comparison_answer(
    request: Request,
    engine: Engine,
    slug: str,
    build: Callable[[Visit], Response],
    *,
    state: Callable[[Visit], str] | None = None,
) -> Response:
    """An answer about one comparison, cached for good under its content hash.

    A slug given by its name part leads to the whole one; parameters that a form left empty are dropped.

    Args:
        state: names what else is in the answer, such as a hedging degree that may be measured later.
            Such an answer is checked each time.

    Raises:
        HTTPException, NotFoundError, QueryError: as `find_comparison`.
    """
    given = request.query_params.multi_items()
    query = [pair for pair in given if pair[1] != ""]
    visit = Visit(request, engine, find_comparison(request, engine, slug, query))
    if query != given:
        raise redirect(request, slug, slug, query)
    if state is not None and (found := state(visit)):
        return tagged(request, lambda: build(visit), visit.summary.content_hash, found)
    return immutable(request, lambda: build(visit), visit.summary.content_hash)


def make_frame(
    request: Request,
    title: str,
    description: str,
    crumbs: tuple[Crumb, ...] = (),
    api_url: str | None = None,
    *,
    slug: str | None = None,
) -> Frame:
    """What every page has, for the page and its twin alike; `slug` is that of its comparison."""
    path = quote(_path(request).removesuffix(".json"))
    query = [pair for pair in request.query_params.multi_items() if pair[0] not in FRAME]
    return Frame(
        title=title,
        description=description,
        crumbs=crumbs,
        json_url=links.twin("/" if path == "/index" else path, query),
        api_url=api_url,
        embed=request.query_params.get("embed") == "1",
        version=app.__version__,
        slug=slug,
        list_url=_list_url(path),
    )


def _list_url(path: str) -> str | None:
    """A list with the latent whose page this is."""
    found = LATENT_PAGE.fullmatch(path)
    return None if found is None else links.lists((("item", found[1]),))


def comparison_frame(visit: Visit, title: str, description: str, *crumbs: Crumb, api: str | None = "") -> Frame:
    """The frame of a comparison's page; `api` is its path below the comparison in the API, None for none."""
    above: tuple[Crumb, ...] = (Crumb("Comparisons", links.home()),)
    if title != visit.summary.name:
        above = (*above, Crumb(visit.summary.name, links.comparison(visit.slug)), *crumbs)
        title = f"{title} · {visit.summary.name}"
    api_url = None if api is None else links.api_comparison(visit.slug) + api
    frame = make_frame(visit.request, title, description, above, api_url, slug=visit.slug)
    # Chats need the whole address.
    origin = f"{visit.request.url.scheme}://{visit.request.url.netloc}"
    return replace(frame, warning=visit.summary.mismatch, image_url=origin + links.preview(visit.slug))


def _path(request: Request) -> str:
    """The requested path, decoded."""
    return str(request.scope["path"])

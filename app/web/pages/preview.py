"""`/c/{slug}/preview.png`: what a link to a comparison shows in chats."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from app.web.http.deps import EngineDep
from app.web.pages.params import read_params
from app.web.pages.respond import Visit, comparison_answer, serve
from app.web.shared.preview import preview_png

router = APIRouter()


@serve(router, "/c/{slug}/preview.png")
def preview(request: Request, engine: EngineDep, slug: str) -> Response:
    """The comparison's hedging scores as a picture."""
    return comparison_answer(request, engine, slug, build)


def build(visit: Visit) -> Response:
    """The picture."""
    read_params(visit.request)
    return Response(preview_png(visit.summary), media_type="image/png")

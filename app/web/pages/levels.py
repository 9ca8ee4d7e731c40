"""`/c/{slug}/levels`: both SAEs, Matryoshka level by level."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from app.web.http.deps import EngineDep
from app.web.pages.contexts.levels import LevelsPage
from app.web.pages.params import read_params
from app.web.pages.respond import Visit, comparison_frame, comparison_page, page
from app.web.shared.figures.levels import level_plots

router = APIRouter()


@page(router, "/c/{slug}/levels")
def levels(request: Request, engine: EngineDep, slug: str) -> Response:
    """The table of levels and its plots."""
    return comparison_page(request, engine, slug, "levels.html", build)


def build(visit: Visit) -> LevelsPage:
    """What the page shows."""
    read_params(visit.request)
    description = "Explained variance, L0, dead latents and hedging by Matryoshka level."
    frame = comparison_frame(visit, "Levels", description, api="/levels")
    return LevelsPage(frame, visit.summary, level_plots(visit.summary))

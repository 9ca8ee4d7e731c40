"""`/about`: what the scores mean, their limits, and every field of the catalogue."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from app.catalogue import LATENT_SPECS, PARTNER_SPECS, SCORING_VERSION, SUMMARY_SPECS
from app.web.http import links
from app.web.pages.contexts.about import AboutPage, SpecGroup
from app.web.pages.contexts.common import Crumb
from app.web.pages.params import read_params
from app.web.pages.respond import changing_page, make_frame, page

router = APIRouter()

GROUPS = (
    SpecGroup("Of a latent", "", LATENT_SPECS),
    SpecGroup("Of a narrow latent and one of its partners", "partner-", PARTNER_SPECS),
    SpecGroup("Of an SAE, a level or a comparison", "summary-", SUMMARY_SPECS),
)


@page(router, "/about")
def about(request: Request) -> Response:
    """The scores, explained."""
    read_params(request)
    frame = make_frame(
        request,
        "What the scores mean",
        "Definitions, ranges, sources and limits of the hedging scores and of every other number.",
        (Crumb("Comparisons", links.home()),),
    )
    return changing_page(request, "about.html", AboutPage(frame, SCORING_VERSION, GROUPS))

"""`/`: all comparisons, newest first."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from app.web.http import links
from app.web.http.deps import EngineDep
from app.web.http.prefix import below_prefix
from app.web.pages.contexts.home import ComparisonRow, HomePage
from app.web.pages.params import read_params
from app.web.pages.respond import changing_page, make_frame, page
from app.web.shared.find import all_comparisons

router = APIRouter()


@page(router, "/", twin="/index.json")
def home(request: Request, engine: EngineDep) -> Response:
    """All comparisons with their key numbers."""
    read_params(request)
    rows = tuple(ComparisonRow(summary, summary.score_quantiles.get("0.5")) for summary in all_comparisons(engine))
    frame = make_frame(
        request,
        "Comparisons",
        "Where sparse autoencoders hedge, latent by latent: narrow SAEs against wider and Matryoshka SAEs.",
        api_url=below_prefix(f"{links.API}/comparisons"),
    )
    return changing_page(request, "home.html", HomePage(frame, rows))

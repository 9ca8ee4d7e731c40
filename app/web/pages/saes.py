"""`/saes`: the registered SAEs and what their preflight found."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from app.web.http import links
from app.web.http.deps import EngineDep
from app.web.http.prefix import below_prefix
from app.web.pages.contexts.common import Crumb
from app.web.pages.contexts.saes import SaesPage
from app.web.pages.params import read_params
from app.web.pages.respond import changing_page, make_frame, page
from app.web.shared.find import all_saes

router = APIRouter()


@page(router, "/saes")
def saes(request: Request, engine: EngineDep) -> Response:
    """All registered SAEs."""
    read_params(request)
    frame = make_frame(
        request,
        "SAEs",
        "The registered sparse autoencoders, with shapes, checksums and what their preflight found.",
        (Crumb("Comparisons", links.home()),),
        below_prefix(f"{links.API}/saes"),
    )
    return changing_page(request, "saes.html", SaesPage(frame, tuple(all_saes(engine))))

"""`/saes`: the registered SAEs and what their preflight found."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from app.store import read
from app.web import links
from app.web.contexts import Crumb, SaesContext
from app.web.deps import EngineDep
from app.web.pages.answers import changing_page, make_frame, page
from app.web.pages.params import no_params
from app.web.public import public_sae

router = APIRouter()


@page(router, "/saes")
def saes(request: Request, engine: EngineDep) -> Response:
    """All registered SAEs."""
    no_params(request)
    frame = make_frame(
        request,
        "SAEs",
        "The registered sparse autoencoders, with shapes, checksums and what their preflight found.",
        (Crumb("Comparisons", links.home()),),
        f"{links.API}/saes",
    )
    return changing_page(request, "saes.html", SaesContext(frame, tuple(map(public_sae, read.list_saes(engine)))))

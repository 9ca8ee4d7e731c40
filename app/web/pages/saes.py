"""`/saes` and `/saes/of/{name}`: the registered SAEs, what their preflight found, and where they are compared."""

from __future__ import annotations

from collections.abc import Iterator

from fastapi import APIRouter
from sqlalchemy import Engine
from starlette.requests import Request
from starlette.responses import Response

from app.errors import NotFoundError
from app.records import SaeRecord
from app.web.http import links
from app.web.http.deps import EngineDep
from app.web.http.prefix import below_prefix
from app.web.pages.contexts.common import Crumb
from app.web.pages.contexts.saes import SaePage, SaesPage, SaeUse
from app.web.pages.params import read_params
from app.web.pages.respond import changing_page, make_frame, page
from app.web.shared.find import all_comparisons, all_saes, find_sae

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


@page(router, "/saes/of/{name:path}")
def sae(request: Request, engine: EngineDep, name: str) -> Response:
    """One SAE."""
    read_params(request)
    uses = tuple(_uses(engine, name))
    found, is_registered = _record(engine, name, uses)
    frame = make_frame(
        request,
        found.name,
        f"The sparse autoencoder {found.name} with {found.d_sae:,} latents, and its comparisons.",
        (Crumb("Comparisons", links.home()), Crumb("SAEs", links.saes())),
        f"{links.API}/saes" if is_registered else None,
    )
    return changing_page(request, "sae.html", SaePage(frame, found, is_registered, uses))


def _record(engine: Engine, name: str, uses: tuple[SaeUse, ...]) -> tuple[SaeRecord, bool]:
    """The SAE, and whether it is registered. Raises NotFoundError where no comparison names it either."""
    try:
        return find_sae(engine, name), True
    except NotFoundError:
        whole = (use.own.sae for use in uses if use.own.sae.name == name)
        prefixes = (use.own.sae for use in uses)
        known = next(whole, None) or next(prefixes, None)
        if known is None:
            raise
        return known, False


def _uses(engine: Engine, name: str) -> Iterator[SaeUse]:
    for summary in all_comparisons(engine):
        if summary.narrow.sae.name.partition("@")[0] == name:
            yield SaeUse(summary, "narrow", summary.narrow, summary.reference)
        if summary.reference.sae.name.partition("@")[0] == name:
            yield SaeUse(summary, "reference", summary.reference, summary.narrow)

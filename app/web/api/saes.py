"""`/saes`: the registered SAEs."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path
from starlette.requests import Request
from starlette.responses import Response

from app.records import SaeRecord
from app.web.api.formats import format_of, list_file
from app.web.api.models import SaeList
from app.web.api.routes import BY_ACCEPT, get, json_response
from app.web.http.caching import checked
from app.web.http.deps import WITHOUT_NUL, EngineDep
from app.web.shared.find import all_saes, find_sae

router = APIRouter(tags=["SAEs"])

SaeName = Annotated[str, Path(pattern=WITHOUT_NUL, description="Its name; it may contain slashes.")]


@get(router, "/saes", SaeList, problems=(400,), files=True)
def list_saes(request: Request, engine: EngineDep) -> Response:
    """All registered SAEs, by name."""
    saes = all_saes(engine)
    kind = format_of(request)
    if kind != "json":
        return checked(request, list_file(request, "saes", saes, kind))
    return checked(request, json_response(SaeList(tuple(saes), None, len(saes)), BY_ACCEPT))


@get(router, "/saes/{name:path}", SaeRecord, problems=(400, 404))
def get_sae(request: Request, engine: EngineDep, name: SaeName) -> Response:
    """One registered SAE."""
    return checked(request, json_response(find_sae(engine, name)))

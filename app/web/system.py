"""Beside API and pages: whether the program is well, and the API's documentation."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.responses import FileResponse, Response

from app.paths import resource
from app.store.session import check_schema
from app.web.api.models import Health
from app.web.api.routes import get, json_response
from app.web.deps import EngineDep

router = APIRouter(tags=["System"])

NEVER_KEPT = {"Cache-Control": "no-store"}


@get(router, "/healthz", Health, problems=(400,))
async def healthz() -> Response:
    """Whether the process answers."""
    return json_response(Health("ok"), NEVER_KEPT)


@get(router, "/readyz", Health, problems=(400,))
def readyz(engine: EngineDep) -> Response:
    """Whether the database can be used and has this program's schema."""
    check_schema(engine)
    return json_response(Health("ready"), NEVER_KEPT)


@router.api_route("/docs", methods=["GET", "HEAD"], include_in_schema=False)
async def docs() -> Response:
    """The API's documentation, from files that ship with the program."""
    return FileResponse(resource("static/docs.html"), headers={"Cache-Control": "no-cache"})

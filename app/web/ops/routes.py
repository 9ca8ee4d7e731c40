"""Health, readiness, metrics, and the API's documentation."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from app.paths import resource
from app.serving.headers import NEVER_KEPT
from app.serving.metrics import exposition
from app.web.api.routes import get, json_response
from app.web.api.status_models import ProcessHealth, Readiness

router = APIRouter(tags=["System"])


UNREADY = {
    "responses": {
        "503": {
            "description": "The database can't be used, or has another schema",
            "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Readiness"}}},
        }
    }
}


@get(router, "/healthz", ProcessHealth, problems=(400,))
async def healthz() -> Response:
    """Whether the process answers."""
    return json_response(ProcessHealth("ok"), NEVER_KEPT)


@get(router, "/readyz", Readiness, problems=(400,), extra=UNREADY)
async def readyz(request: Request) -> Response:
    """Whether the dashboard can do its work, part by part; status 503 where it can't show pages."""
    found = await request.app.state.checker.readiness()
    return json_response(found, NEVER_KEPT, 503 if found.status == "unready" else 200)


@router.api_route("/metrics", methods=["GET", "HEAD"], include_in_schema=False)
def metrics(request: Request) -> Response:
    """What Prometheus collects. It runs in the thread pool, since some of it is read from the database."""
    return exposition(request.app.state.metrics.registry, request.headers.get("accept", ""))


@router.api_route("/docs", methods=["GET", "HEAD"], include_in_schema=False)
async def docs() -> Response:
    """The API's documentation, from files that ship with the program."""
    return HTMLResponse(resource("static/docs.html").read_bytes(), headers={"Cache-Control": "no-cache"})

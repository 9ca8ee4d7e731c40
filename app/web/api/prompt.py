"""`/comparisons/{slug}/prompt` and `/worker`: live prompts, and whether they are possible."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Depends
from pydantic import Field
from starlette.requests import Request
from starlette.responses import Response

from app.errors import WorkerError
from app.inference.wire import TOP_MAX, LatentRef, Message
from app.serving.headers import NEVER_KEPT
from app.web.api.describe import model_of
from app.web.api.routes import documented_problems, get, json_response
from app.web.api.status_models import WorkerStatus
from app.web.http.bodies import read_json
from app.web.http.deps import EngineDep, InferenceDep
from app.web.http.params import no_parameters
from app.web.live.prompt import read_prompt
from app.web.live.prompt_records import PromptResult
from app.web.shared.find import ComparisonDep

router = APIRouter(tags=["Live prompts"])


class PromptBody(Message):
    """A text for a comparison's model and SAEs."""

    text: str = Field(repr=False, description="The text; never stored, never logged.")
    top: int = Field(default=5, ge=1, le=TOP_MAX, description="Latents given for each token and SAE, the strongest.")
    latents: tuple[LatentRef, ...] = Field(
        default=(), max_length=16, description="Latents whose activations are returned wherever they fire."
    )


def _body() -> dict[str, Any]:
    schema = PromptBody.model_json_schema()
    for definition in schema.pop("$defs").values():
        schema["properties"]["latents"]["items"] = definition
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": schema}}}}


@router.post(
    "/comparisons/{slug}/prompt",
    operation_id="post_prompt",
    summary="Read a text",
    response_model=model_of(PromptResult),
    responses=documented_problems((400, 404, 415, 502, 503)),
    dependencies=[Depends(no_parameters)],
    openapi_extra=_body(),
)
async def post_prompt(
    request: Request, inference: InferenceDep, engine: EngineDep, comparison: ComparisonDep
) -> Response:
    """The strongest latents of both SAEs on each token of a text, from one forward pass."""
    body = await read_json(request, PromptBody)
    found = await read_prompt(request, inference, engine, comparison, body.text, top=body.top, latents=body.latents)
    return json_response(found, NEVER_KEPT)


@get(router, "/worker", WorkerStatus, problems=(400,))
async def get_worker(inference: InferenceDep) -> Response:
    """Whether live prompts can be run now."""
    return json_response(await worker_status(inference), NEVER_KEPT)


async def worker_status(inference: InferenceDep) -> WorkerStatus:
    """Whether an inference worker answers, and if not, why."""
    try:
        await inference.health()
    except WorkerError as error:
        return WorkerStatus(False, error.public)
    return WorkerStatus(True, None)

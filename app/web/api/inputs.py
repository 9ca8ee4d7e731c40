"""`/inputs`: what the input folder holds that jobs can name, and the upload of an SAE into it."""

from __future__ import annotations

from dataclasses import dataclass

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from app.serving.headers import NEVER_KEPT
from app.web.api.formats import format_of, list_file
from app.web.api.routes import BY_ACCEPT, get, json_response, post
from app.web.http.access import refuse
from app.web.http.deps import CallerDep, SettingsDep
from app.web.live.uploads import receive_sae
from app.web.shared.input_files import InputFile, input_files

router = APIRouter(tags=["Jobs"])

_FORM = {
    "type": "object",
    "required": ["name", "files"],
    "properties": {
        "name": {"type": "string", "description": "Name of its new folder in the input folder."},
        "files": {"type": "array", "items": {"type": "string", "format": "binary"}},
    },
}
_BODY = {"requestBody": {"required": True, "content": {"multipart/form-data": {"schema": _FORM}}}}


@dataclass(frozen=True)
class InputList:
    """What the input folder holds, by name.

    Attributes:
        items: what jobs can name.
        is_complete: false where the folder holds more than is listed.
        next: always null: there are no further pages.
        total: how many are listed.
    """

    items: tuple[InputFile, ...]
    is_complete: bool
    next: None
    total: int


@dataclass(frozen=True)
class Uploaded:
    """An SAE that was uploaded.

    Attributes:
        source: as a job names it.
    """

    source: str


@get(router, "/inputs", InputList, problems=(400, 401, 403), files=True)
def list_inputs(request: Request, settings: SettingsDep, caller: CallerDep) -> Response:
    """SAEs, models, texts and activations in the server's input folder; needs the scope `write`."""
    if not caller.may("write"):
        refuse(request, caller, "write")
    found = input_files(settings.resolved_input_dir)
    kind = format_of(request)
    if kind != "json":
        answer = list_file(request, "inputs", found.items, kind)
        answer.headers.update(NEVER_KEPT)
        return answer
    return json_response(InputList(found.items, found.is_complete, None, len(found.items)), {**NEVER_KEPT, **BY_ACCEPT})


@post(router, "/inputs", Uploaded, problems=(400, 401, 403, 409), status=201, extra=_BODY)
async def upload_sae(request: Request, settings: SettingsDep) -> Response:
    """Put the files of an SAE into the input folder: safetensors or npz, with their configuration."""
    name = await receive_sae(request, settings.resolved_input_dir)
    return json_response(Uploaded(name), NEVER_KEPT, 201)

"""An inference worker's answers that name folders, and the folders' names."""

from __future__ import annotations

import struct
from base64 import b64encode

import httpx

from app.inference.wire import Health, JobAnswer, PromptAnswer, PromptRequest, SideAnswer, VectorsRequest
from app.records import Preflight

SECRET = "secretive-7f3a"
FOLDER = f"/srv/{SECRET}/runs"
TYPED = "/srv/typed-5b21/runs"


def answer_of_a_worker(request: httpx.Request) -> httpx.Response:
    """A text of two tokens, on the second of which latent 0 of each SAE fires, and those that were asked for.

    Its preflight names folders; its vectors have two numbers each.
    """
    if request.url.path == "/preflight":
        found = Preflight(notes=(f"{FOLDER}/text: holds few tokens", f"{TYPED}/new: is not normalised"), tokens=9)
        return httpx.Response(200, content=JobAnswer(preflight=found).model_dump_json())
    if request.url.path == "/vectors":
        rows = b64encode(struct.pack("<2f", 0.5, -0.5) * VectorsRequest.model_validate_json(request.content).n).decode()
        return httpx.Response(200, json={"d_in": 2, "decoder": rows, "encoder": rows, "encoder_bias": None})
    if request.url.path != "/prompt":
        return httpx.Response(200, content=Health(status="ok", version="1").model_dump_json())
    asked = PromptRequest.model_validate_json(request.content)
    sides = {}
    for side in ("narrow", "reference"):
        latents = sorted({0, *(ref.index for ref in asked.latents if ref.sae == side)})
        sides[side] = SideAnswer(
            n_active=(0, 1),
            n_strongest=(0, 1),
            strongest_index=(0,),
            strongest_activation=(1.5,),
            latents=tuple(latents),
            n_firings=tuple(int(index == 0) for index in latents),
            firing_token=(1,),
            firing_activation=(1.5,),
        )
    answer = PromptAnswer(tokens=("<s>", "a"), scored=(False, True), device="cpu", dtype="float32", **sides)
    return httpx.Response(200, content=answer.model_dump_json())

"""`/comparisons/{slug}/vectors`: decoder and encoder of latents, as JSON and as safetensors."""

from __future__ import annotations

import sys
from array import array
from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Depends, Query
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from app.errors import QueryError
from app.inference.wire import VECTORS_MAX, VectorsAnswer, VectorsRequest
from app.records import ComparisonSummary, Side
from app.serving.leaving import unless_left
from app.store.lookup import MAX_INDEX
from app.web.api.routes import get, json_response
from app.web.http.caching import immutable
from app.web.http.deps import InferenceDep
from app.web.http.endings import SAFETENSORS
from app.web.http.params import check_parameters
from app.web.shared.find import ComparisonDep
from app.web.shared.safetensors import safetensors_file

router = APIRouter(prefix="/comparisons/{slug}", tags=["Latents"])

Sae = Annotated[Side, Query(description="Whose latents.")]
First = Annotated[int, Query(ge=0, le=MAX_INDEX, description="Index of the first latent.")]
Count = Annotated[int, Query(ge=1, le=VECTORS_MAX, description="How many latents, in order of their index.")]


@dataclass(frozen=True)
class LatentVectors:
    """The weights of a latent.

    Attributes:
        decoder: what it adds to the reconstruction when its activation is 1: its row of `W_dec`.
        encoder: what it reads: its column of `W_enc`.
        encoder_bias: its entry of `b_enc`; null for an architecture without one.
    """

    index: int
    decoder: tuple[float, ...]
    encoder: tuple[float, ...]
    encoder_bias: float | None


@dataclass(frozen=True)
class Vectors:
    """The weights of latents next to each other, in float32, as SAELens has them once the SAE is loaded.

    Attributes:
        slug: of the comparison.
        sae: `narrow` or `reference`.
        items: by index.
    """

    slug: str
    sae: Side
    d_in: int
    items: tuple[LatentVectors, ...]


async def _known_parameters(request: Request) -> None:
    check_parameters(request, ("sae", "index", "n"))


@get(
    router,
    "/vectors",
    Vectors,
    problems=(400, 404, 502, 503),
    checks=(Depends(_known_parameters),),
    also=(SAFETENSORS,),
)
async def get_vectors(
    request: Request,
    inference: InferenceDep,
    comparison: ComparisonDep,
    index: First,
    sae: Sae = "narrow",
    n: Count = 1,
) -> Response:
    """Decoder and encoder of latents, which the inference worker reads: it must run.

    Under the path with `.safetensors` at its end: tensors `decoder` and `encoder`, `[n, d_in]`, and `encoder_bias`,
    `[n]`, where the architecture has one.
    """
    last = (comparison.narrow if sae == "narrow" else comparison.reference).sae.d_sae - 1
    if index + n - 1 > last:
        message = f"latents {index} to {index + n - 1} were requested; the {sae} SAE has 0 to {last}"
        raise QueryError(message, parameter="index" if index > last else "n")
    wanted = VectorsRequest(slug=comparison.slug, sae=sae, start=index, n=n)
    found = await unless_left(request, inference.vectors(wanted))
    is_file = request.scope["path"].endswith(SAFETENSORS)
    answer = await run_in_threadpool(_file if is_file else _json, comparison, wanted, found)
    return immutable(request, answer, comparison.content_hash)


def _json(comparison: ComparisonSummary, wanted: VectorsRequest, found: VectorsAnswer) -> Response:
    decoder, encoder = _floats(found.decoder), _floats(found.encoder)
    bias = [None] * wanted.n if found.encoder_bias is None else _floats(found.encoder_bias)
    items = []
    for place in range(wanted.n):
        row = slice(place * found.d_in, (place + 1) * found.d_in)
        items.append(LatentVectors(wanted.start + place, tuple(decoder[row]), tuple(encoder[row]), bias[place]))
    return json_response(Vectors(comparison.slug, wanted.sae, found.d_in, tuple(items)))


def _file(comparison: ComparisonSummary, wanted: VectorsRequest, found: VectorsAnswer) -> Response:
    shape = (wanted.n, found.d_in)
    tensors: dict[str, tuple[tuple[int, ...], bytes]] = {
        "decoder": (shape, found.decoder),
        "encoder": (shape, found.encoder),
    }
    if found.encoder_bias is not None:
        tensors["encoder_bias"] = ((wanted.n,), found.encoder_bias)
    first = str(wanted.start)
    body = safetensors_file(tensors, {"comparison": comparison.slug, "sae": wanted.sae, "index": first})
    name = f"{comparison.slug}-{wanted.sae}-{first}-{wanted.n}{SAFETENSORS}"
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return Response(body, headers=headers, media_type="application/octet-stream")


def _floats(values: bytes) -> array[float]:
    found = array("f", values)
    if sys.byteorder == "big":
        found.byteswap()
    return found

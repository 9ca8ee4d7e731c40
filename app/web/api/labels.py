"""What other programs call a latent. Unlike a comparison, that may change, so the answer is checked each time."""

from __future__ import annotations

from dataclasses import dataclass

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from app.records import ComparisonSummary, OtherLabel, Side
from app.store import read
from app.store.labels import labels_of
from app.web.api.routes import get, json_response
from app.web.http import links
from app.web.http.caching import checked
from app.web.http.deps import EngineDep, Index
from app.web.shared.find import ComparisonDep

router = APIRouter(prefix="/comparisons/{slug}", tags=["Latents"])


@dataclass(frozen=True)
class OtherLabels:
    """What other programs call a latent.

    Attributes:
        items: all labels.
        url: its page on Neuronpedia; null where that is not known.
        next: always null: the list is complete.
        total: how many there are.
    """

    items: tuple[OtherLabel, ...]
    url: str | None
    next: None
    total: int


@get(router, "/narrow/{index}/labels", OtherLabels, problems=(400, 404, 422))
def labels_of_narrow(request: Request, engine: EngineDep, comparison: ComparisonDep, index: Index) -> Response:
    """Labels of a narrow latent that other programs made."""
    return checked(request, json_response(_labels(engine, comparison, "narrow", index)))


@get(router, "/reference/{index}/labels", OtherLabels, problems=(400, 404, 422))
def labels_of_reference(request: Request, engine: EngineDep, comparison: ComparisonDep, index: Index) -> Response:
    """Labels of a reference latent that other programs made."""
    return checked(request, json_response(_labels(engine, comparison, "reference", index)))


def _labels(engine: EngineDep, comparison: ComparisonSummary, side: Side, index: int) -> OtherLabels:
    read.get_latent(engine, comparison.slug, side, index)
    sae = (comparison.narrow if side == "narrow" else comparison.reference).sae
    found = labels_of(engine, sae.checksum, index)
    url = None if sae.neuronpedia_id is None else links.neuronpedia(sae.neuronpedia_id, index)
    return OtherLabels(found, url, None, len(found))

"""`/comparisons/{slug}/contexts`: contexts of a latent by which of its partners fire, with counts."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query
from sqlalchemy import Engine
from starlette.requests import Request
from starlette.responses import Response

from app.records import Side
from app.store import read
from app.web.api.cell_models import CellContextItem, CellContexts
from app.web.api.routes import get, json_response
from app.web.http.caching import immutable
from app.web.http.deps import EngineDep
from app.web.http.params import check_parameters
from app.web.shared.find import ComparisonDep
from app.web.shared.split import Cell, SplitContext, find_split
from app.web.shared.text import tokens_of

router = APIRouter(prefix="/comparisons/{slug}", tags=["Latents"])

OWN = ("sae", "index", "cell", "partner")


@get(router, "/contexts", CellContexts, problems=(400, 404), checks=())
def list_contexts(
    request: Request,
    engine: EngineDep,
    comparison: ComparisonDep,
    *,
    index: Annotated[int, Query(ge=0, description="Of the latent.")],
    sae: Annotated[Side, Query(description="Whose latent.")] = "narrow",
    cell: Annotated[
        Cell,
        Query(
            description="`both`: the latent and the partner fire; `without_main`: the latent fires, the partner, by "
            "default the main one, doesn't; `mixed_in_without_main`: the latent fires with a mixed-in partner, the "
            "main one doesn't; `partner_without_this`: near misses, where the partner fires and the latent doesn't."
        ),
    ] = "both",
    partner: Annotated[
        int | None,
        Query(
            ge=0, description="One of `partners`; by default the main one, and any mixed-in one where that is asked."
        ),
    ] = None,
) -> Response:
    """Contexts of one latent by which of its partners fire, strongest first, with counts of tokens."""
    check_parameters(request, OWN)
    return immutable(
        request,
        lambda: json_response(_contexts(engine, comparison.slug, (sae, index), cell, partner)),
        comparison.content_hash,
    )


def _contexts(engine: Engine, slug: str, latent: tuple[Side, int], cell: Cell, partner: int | None) -> CellContexts:
    sae, index = latent
    split = find_split(engine, slug, read.get_latent(engine, slug, sae, index))
    if isinstance(split, str):
        return CellContexts(sae, index, cell, None, (), None, {}, (), split)
    chosen = split.check(cell, partner)
    contexts = split.contexts(cell, chosen)
    rows = read.text_rows(engine, slug, {context.row for context in contexts})
    items = tuple(
        _item(context, tokens_of(rows, context.row, context.start, len(context.activations))) for context in contexts
    )
    counts: dict[str, int] = {name: split.count(name, split.check(name, None)) for name in split.available}
    return CellContexts(sae, index, cell, chosen, split.partners, split.count(cell, chosen), counts, items, None)


def _item(context: SplitContext, tokens: tuple[str, ...] | None) -> CellContextItem:
    silent = (0.0,) * len(context.activations)
    return CellContextItem(
        row=context.row,
        position=context.position,
        start=context.start,
        activation=context.activations[context.position - context.start],
        activations=context.activations,
        partner_activations=tuple(each or silent for each in context.others),
        tokens=tokens,
    )

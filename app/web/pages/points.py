"""`/c/{slug}/points.json`: whole columns for the overview's plot."""

from __future__ import annotations

import orjson
from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from app.catalogue import LATENT_FIELDS
from app.errors import QueryError
from app.records import Side
from app.store import read
from app.store.page import LatentQuery
from app.web.http.deps import EngineDep
from app.web.pages.params import read_params
from app.web.pages.respond import Visit, comparison_answer, serve
from app.web.shared.columns import Columns

router = APIRouter()


@serve(router, "/c/{slug}/points.json")
def points(request: Request, engine: EngineDep, slug: str) -> Response:
    """Columns `fields` (names with commas) of one SAE's latents, ordered by index; labels as they are shown.

    Numbers have four significant digits, unless `exact=1`. The column `index` is there where it was requested.
    """
    return comparison_answer(request, engine, slug, build)


def build(visit: Visit) -> Response:
    """The columns as JSON: `sae`, `n`, and `columns` by name; with `q`, only the indices that the search finds."""
    params = read_params(visit.request, ("sae", "fields", "exact", "q"))
    side = params.side()
    exact = params.choice("exact", "0", ("0", "1")) == "1"
    if q := params.own.get("q"):
        return _found(visit, side, q)
    names = list(dict.fromkeys(filter(None, params.own.get("fields", "").split(","))))
    for name in names:
        if name not in LATENT_FIELDS:
            raise QueryError(
                f"no field {name!r}; expected some of {', '.join(LATENT_FIELDS)}",
                parameter="fields",
                valid=tuple(LATENT_FIELDS),
            )
    columns: Columns = visit.request.app.state.columns
    found = columns.of(visit.summary, side, names, exact=exact)
    content = {
        "sae": side,
        "n": read.n_latents(visit.engine, visit.slug, side),
        "columns": {name: orjson.Fragment(text) for name, text in found.items()},
    }
    return Response(orjson.dumps(content), media_type="application/json")


def _found(visit: Visit, side: Side, q: str) -> Response:
    found = [latent.index for latent in read.iter_latents(visit.engine, visit.slug, LatentQuery(side, "index", q=q))]
    content = {"sae": side, "n": len(found), "columns": {"index": found}}
    return Response(orjson.dumps(content), media_type="application/json")

"""`/c/{slug}/points.json`: whole columns for the overview's plot."""

from __future__ import annotations

import orjson
from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from app.catalogue import LATENT_FIELDS
from app.errors import QueryError
from app.store import read
from app.web.http.deps import EngineDep
from app.web.pages.params import read_params
from app.web.pages.respond import Visit, comparison_answer, serve
from app.web.shared import formatting as show

router = APIRouter()


@serve(router, "/c/{slug}/points.json")
def points(request: Request, engine: EngineDep, slug: str) -> Response:
    """Columns `fields` (names with commas) of one SAE's latents, ordered by index; labels as they are shown."""
    return comparison_answer(request, engine, slug, build)


def build(visit: Visit) -> Response:
    """The columns as JSON: `sae`, `n`, and `columns` by name."""
    params = read_params(visit.request, ("sae", "fields"))
    side = params.side()
    names = list(dict.fromkeys(("index", *filter(None, params.own.get("fields", "").split(",")))))
    for name in names:
        if name not in LATENT_FIELDS:
            raise QueryError(
                f"no field {name!r}; expected some of {', '.join(LATENT_FIELDS)}",
                parameter="fields",
                valid=tuple(LATENT_FIELDS),
            )
    columns = read.columns(visit.engine, visit.slug, side, names)
    if "label" in columns:
        columns["label"] = [show.plain(label) for label in columns["label"]]
    content = {"sae": side, "n": len(columns["index"]), "columns": columns}
    return Response(orjson.dumps(content), media_type="application/json")

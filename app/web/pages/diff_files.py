"""Two comparisons that an address names, and their latents as CSV and NDJSON."""

from __future__ import annotations

import orjson
from fastapi import APIRouter, HTTPException
from sqlalchemy import Engine
from starlette.requests import Request
from starlette.responses import Response

from app.errors import NotFoundError
from app.records import ComparisonSummary
from app.web.http import links
from app.web.http.caching import immutable
from app.web.http.deps import EngineDep
from app.web.pages.params import Pairs, read_params
from app.web.pages.respond import serve
from app.web.shared.diff import LatentDifference, differences, matched_by
from app.web.shared.find import whole_comparison
from app.web.shared.latent_files import CSV, NDJSON
from app.web.shared.table_files import csv_block

router = APIRouter()

HEAD = (
    "index",
    "index_b",
    "reference_index",
    "label",
    "hedging_score_a",
    "hedging_score_b",
    "difference",
    "diagnosis_a",
    "diagnosis_b",
    "main_partner_a",
    "main_partner_b",
)


@serve(router, "/diff/{a}/{b}.csv")
def as_csv(request: Request, engine: EngineDep, a: str, b: str) -> Response:
    """All latents as CSV."""
    return _file(request, engine, (a, b), "csv")


@serve(router, "/diff/{a}/{b}.ndjson")
def as_ndjson(request: Request, engine: EngineDep, a: str, b: str) -> Response:
    """All latents as NDJSON."""
    return _file(request, engine, (a, b), "ndjson")


def diff_redirect(a: str, b: str, ending: str = "", query: Pairs = ()) -> HTTPException:
    """A redirect to the page of two comparisons, or to one of its files."""
    return HTTPException(307, headers={"Location": links.with_query(links.diff(a, b) + ending, query)})


def both(request: Request, engine: Engine, a: str, b: str) -> tuple[ComparisonSummary, ComparisonSummary]:
    """The two comparisons. Raises HTTPException (307, to the whole slugs), NotFoundError or QueryError."""
    if "\x00" in a + b:
        raise NotFoundError("no such comparison: a name has no NUL")
    first, second = whole_comparison(engine, a), whole_comparison(engine, b)
    if (first.slug, second.slug) != (a, b):
        path = str(request.scope["path"])
        ending = next((each for each in (".json", ".csv", ".ndjson") if path.endswith(each)), "")
        raise diff_redirect(first.slug, second.slug, ending, tuple(request.query_params.multi_items()))
    return first, second


def _file(request: Request, engine: Engine, slugs: tuple[str, str], ending: str) -> Response:
    a, b = both(request, engine, *slugs)
    read_params(request)
    matched_by(a, b)

    def build() -> Response:
        rows = [_cells(item) for item in differences(engine, a, b).items]
        disposition = f'attachment; filename="{a.name}-{b.name}.{ending}"'
        if ending == "csv":
            body, media_type = csv_block([HEAD, *rows]), CSV
        else:
            body = b"".join(orjson.dumps(dict(zip(HEAD, row, strict=True))) + b"\n" for row in rows)
            media_type = NDJSON
        return Response(body, media_type=media_type, headers={"Content-Disposition": disposition})

    return immutable(request, build, f"{a.content_hash} {b.content_hash}")


def _cells(item: LatentDifference) -> tuple[object, ...]:
    a, b = item.a, item.b
    scores = (a.hedging_score, b.hedging_score, item.difference)
    labels = (a.diagnosis, b.diagnosis, a.main_partner, b.main_partner)
    return (a.index, b.index, item.reference_index, item.label, *scores, *labels)

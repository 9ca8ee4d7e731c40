"""`/diff/{a}/{b}`: two comparisons, latent by latent."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query
from sqlalchemy import Engine
from starlette.requests import Request
from starlette.responses import Response

from app.records import ComparisonSummary
from app.web.api.formats import format_of, list_file
from app.web.api.routes import BY_ACCEPT, get, json_response
from app.web.http.caching import immutable
from app.web.http.deps import WITHOUT_NUL, EngineDep
from app.web.http.params import check_parameters
from app.web.shared.diff import Crossing, LatentDifference, MatchedBy, differences, matched_by
from app.web.shared.find import whole_comparison

router = APIRouter(tags=["Comparisons"])

A = Annotated[str, Path(pattern=WITHOUT_NUL, description="Slug of the first comparison, or its name.")]
B = Annotated[str, Path(pattern=WITHOUT_NUL, description="Slug of the second comparison, or its name.")]
Limit = Annotated[int, Query(ge=1, le=1000, description="Most latents, those that differ most.")]


@dataclass(frozen=True)
class Diff:
    """Two comparisons of one narrow SAE, or of two narrow SAEs with one reference.

    Attributes:
        a, b: their slugs.
        matched_by: `index` where the narrow SAE is the same, or two prefixes of one SAE; `reference` for two narrow
            SAEs, whose latents are matched where the same reference latent is mutually nearest to both.
        n_latents: latents that both have.
        n_only_a, n_only_b: narrow latents without a match in the other one.
        n_scored_in_both: latents whose hedging score is defined in both.
        n_same_diagnosis: latents with the same diagnosis, or without one, in both.
        mean_difference: over latents scored in both; null without any.
        mean_absolute_difference: over the same ones.
        crossings: numbers of latents by both diagnoses, the most frequent first.
        items: the latents that differ most, then those that are scored in one of them only.
    """

    a: str
    b: str
    matched_by: MatchedBy
    n_latents: int
    n_only_a: int
    n_only_b: int
    n_scored_in_both: int
    n_same_diagnosis: int
    mean_difference: float | None
    mean_absolute_difference: float | None
    crossings: tuple[Crossing, ...]
    items: tuple[LatentDifference, ...]


async def _known_parameters(request: Request) -> None:
    check_parameters(request, ("limit",))


@get(router, "/diff/{a}/{b}", Diff, problems=(400, 404, 409), checks=(Depends(_known_parameters),), files=True)
def get_diff(request: Request, engine: EngineDep, a: A, b: B, limit: Limit = 100) -> Response:
    """Two comparisons of one narrow SAE, such as on two texts, or of two narrow SAEs with one reference."""
    first, second = whole_comparison(engine, a), whole_comparison(engine, b)
    matched_by(first, second)
    kind = format_of(request)

    def answer() -> Response:
        found = _diff(engine, first, second, limit)
        if kind == "json":
            return json_response(found, BY_ACCEPT)
        return list_file(request, f"{first.slug}-{second.slug}", found.items, kind)

    return immutable(request, answer, f"{first.content_hash} {second.content_hash} {kind}")


def _diff(engine: Engine, a: ComparisonSummary, b: ComparisonSummary, limit: int) -> Diff:
    found = differences(engine, a, b)
    return Diff(
        a=a.slug,
        b=b.slug,
        matched_by=found.matched_by,
        n_latents=len(found.items),
        n_only_a=found.n_only_a,
        n_only_b=found.n_only_b,
        n_scored_in_both=len(found.differences),
        n_same_diagnosis=found.n_same_label,
        mean_difference=found.mean_difference,
        mean_absolute_difference=found.mean_absolute_difference,
        crossings=found.crossings,
        items=found.items[:limit],
    )

"""`/diff/{a}/{b}`: two comparisons of one narrow SAE, latent by latent."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query
from sqlalchemy import Engine
from starlette.requests import Request
from starlette.responses import Response

from app.errors import ConflictError
from app.records import ComparisonSummary
from app.store import read
from app.web.api.routes import get, json_response
from app.web.http.caching import immutable
from app.web.http.deps import WITHOUT_NUL, EngineDep
from app.web.http.params import check_parameters
from app.web.shared.find import whole_comparison

router = APIRouter(tags=["Comparisons"])

A = Annotated[str, Path(pattern=WITHOUT_NUL, description="Slug of the first comparison, or its name.")]
B = Annotated[str, Path(pattern=WITHOUT_NUL, description="Slug of the second comparison, or its name.")]
Limit = Annotated[int, Query(ge=1, le=1000, description="Most latents, those that differ most.")]
FIELDS = ("label", "hedging_score", "diagnosis", "main_partner")


@dataclass(frozen=True)
class LatentOfOne:
    """A latent in one of two comparisons.

    Attributes:
        hedging_score: null where undefined.
        diagnosis: null where undefined.
        main_partner: index in that comparison's reference; null where there is none.
    """

    hedging_score: float | None
    diagnosis: str | None
    main_partner: int | None


@dataclass(frozen=True)
class LatentDifference:
    """A narrow latent in both comparisons.

    Attributes:
        label: the tokens it fires on most strongly in the first comparison.
        a, b: in each of them.
        difference: hedging score of b less that of a; null unless both are defined.
    """

    index: int
    label: str
    a: LatentOfOne
    b: LatentOfOne
    difference: float | None


@dataclass(frozen=True)
class Diff:
    """Two comparisons of one narrow SAE.

    Attributes:
        a, b: their slugs.
        n_latents: of the narrow SAE.
        n_scored_in_both: latents whose hedging score is defined in both.
        n_same_diagnosis: latents with the same diagnosis, or without one, in both.
        mean_difference: over latents scored in both; null without any.
        mean_absolute_difference: over the same ones.
        items: the latents that differ most, then those that are scored in one of them only.
    """

    a: str
    b: str
    n_latents: int
    n_scored_in_both: int
    n_same_diagnosis: int
    mean_difference: float | None
    mean_absolute_difference: float | None
    items: tuple[LatentDifference, ...]


async def _known_parameters(request: Request) -> None:
    check_parameters(request, ("limit",))


@get(router, "/diff/{a}/{b}", Diff, problems=(400, 404, 409), checks=(Depends(_known_parameters),))
def get_diff(request: Request, engine: EngineDep, a: A, b: B, limit: Limit = 100) -> Response:
    """Two comparisons of one narrow SAE, such as with two references, texts or versions of the scores."""
    first, second = whole_comparison(engine, a), whole_comparison(engine, b)
    one, other = first.narrow.sae, second.narrow.sae
    if (one.checksum, one.d_sae) != (other.checksum, other.d_sae):
        raise ConflictError(
            f"the narrow SAEs differ: {one.name} and {other.name}; expected two comparisons of the same narrow SAE"
        )
    hashes = f"{first.content_hash} {second.content_hash}"
    return immutable(request, lambda: json_response(_diff(engine, first, second, limit)), hashes)


def _diff(engine: Engine, a: ComparisonSummary, b: ComparisonSummary, limit: int) -> Diff:
    sides = [_latents(read.columns(engine, each.slug, "narrow", FIELDS)) for each in (a, b)]
    labels = read.columns(engine, a.slug, "narrow", ("label",))["label"]
    items = [
        LatentDifference(index, label, first, second, _difference(first, second))
        for index, (label, first, second) in enumerate(zip(labels, *sides, strict=True))
    ]
    differences = [item.difference for item in items if item.difference is not None]
    return Diff(
        a=a.slug,
        b=b.slug,
        n_latents=len(items),
        n_scored_in_both=len(differences),
        n_same_diagnosis=sum(item.a.diagnosis == item.b.diagnosis for item in items),
        mean_difference=_mean(differences),
        mean_absolute_difference=_mean([abs(each) for each in differences]),
        items=tuple(sorted(items, key=_rank)[:limit]),
    )


def _latents(columns: dict[str, list[Any]]) -> list[LatentOfOne]:
    values = zip(columns["hedging_score"], columns["diagnosis"], columns["main_partner"], strict=True)
    return [LatentOfOne(*each) for each in values]


def _difference(a: LatentOfOne, b: LatentOfOne) -> float | None:
    return None if a.hedging_score is None or b.hedging_score is None else b.hedging_score - a.hedging_score


def _rank(item: LatentDifference) -> tuple[int, float, int]:
    """Those scored in both by size, then those scored in one, then the others."""
    if item.difference is not None:
        return 0, -abs(item.difference), item.index
    is_scored = item.a.hedging_score is not None or item.b.hedging_score is not None
    return (1 if is_scored else 2), 0.0, item.index


def _mean(values: Sequence[float]) -> float | None:
    return sum(values) / len(values) if values else None

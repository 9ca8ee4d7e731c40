"""`/comparisons`: comparisons as a whole."""

from __future__ import annotations

from dataclasses import asdict

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from app.records import ComparisonSummary
from app.web.api.formats import format_of, list_file
from app.web.api.models import ComparisonList, Degrees, Levels
from app.web.api.routes import BY_ACCEPT, get, json_response
from app.web.http.caching import checked, immutable
from app.web.http.deps import EngineDep, Slug
from app.web.shared.degrees import score_correlation
from app.web.shared.find import all_comparisons, find_comparison, find_degrees

router = APIRouter(tags=["Comparisons"])


@get(router, "/comparisons", ComparisonList, problems=(400,), files=True)
def list_comparisons(request: Request, engine: EngineDep) -> Response:
    """All stored comparisons, newest first."""
    comparisons = all_comparisons(engine)
    kind = format_of(request)
    if kind != "json":
        return checked(request, list_file(request, "comparisons", comparisons, kind))
    return checked(request, json_response(ComparisonList(tuple(comparisons), None, len(comparisons)), BY_ACCEPT))


@get(router, "/comparisons/{slug}", ComparisonSummary, problems=(400, 404))
def get_comparison(request: Request, engine: EngineDep, slug: Slug) -> Response:
    """One comparison: both SAEs, model, text, and everything that is not about one latent."""
    comparison = find_comparison(request, engine, slug)
    return immutable(request, lambda: json_response(comparison), comparison.content_hash)


@get(router, "/comparisons/{slug}/levels", Levels, problems=(400, 404), files=True)
def get_levels(request: Request, engine: EngineDep, slug: Slug) -> Response:
    """Both SAEs of a comparison, Matryoshka level by level."""
    comparison = find_comparison(request, engine, slug)
    levels = Levels(comparison.slug, comparison.narrow.levels, comparison.reference.levels)
    kind = format_of(request)
    if kind != "json":
        sides = {"narrow": levels.narrow, "reference": levels.reference}
        rows = [{"sae": side, **asdict(level)} for side, found in sides.items() for level in found]
        return checked(request, list_file(request, f"{comparison.slug}-levels", rows, kind))
    return immutable(request, lambda: json_response(levels, BY_ACCEPT), comparison.content_hash)


@get(router, "/comparisons/{slug}/degree", Degrees, problems=(400, 404))
def get_degree(request: Request, engine: EngineDep, slug: Slug) -> Response:
    """The paper's hedging degree of the narrow SAE, if it was measured; it may be added later."""
    comparison = find_comparison(request, engine, slug)
    found = find_degrees(engine, comparison)
    plain, partial = score_correlation(engine, comparison.slug, found[0]) if found else (None, None)
    return checked(request, json_response(Degrees(comparison.slug, tuple(found), plain, partial)))

"""Comparisons, SAEs, hedging degrees and interventions as everybody may see them.

Pages and API read these records here and nowhere else: the store's own hold paths of the machine that they were made
on.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import Annotated
from urllib.parse import quote

from fastapi import Depends, HTTPException
from sqlalchemy import Engine
from starlette.requests import Request

from app.errors import NotFoundError
from app.records import ComparisonSummary, DegreeRecord, InterventionSummary, SaeRecord
from app.store import degrees, interventions, read
from app.store.payloads import SUMMARY
from app.web.http import links
from app.web.http.deps import EngineDep, Slug
from app.web.http.prefix import below_prefix
from app.web.shared.redact import public_degree, public_intervention, public_sae, public_summary


def find_comparison(
    request: Request, engine: Engine, slug: str, query: Iterable[tuple[str, str]] | None = None
) -> ComparisonSummary:
    """The comparison that a path names.

    Args:
        slug: as it stands in the path; the name part of a slug leads to the same path with the whole slug, so that
            what is cached for good stays right.
        query: parameters of the path that it leads to; the request's own where it is None.

    Raises:
        HTTPException: 307, to the path with the whole slug.
        NotFoundError: no such comparison.
        QueryError: several comparisons have that name.
    """
    if "\x00" in slug:
        # PostgreSQL takes no text with it: the database would seem to fail.
        raise NotFoundError(f"no comparison {slug!r}: a name has no NUL")
    try:
        return _public(read.summary_text(engine, slug))
    except NotFoundError:
        whole = read.resolve_slug(engine, slug)
    raise redirect(request, slug, whole, request.query_params.multi_items() if query is None else query)


def redirect(request: Request, slug: str, whole: str, query: Iterable[tuple[str, str]]) -> HTTPException:
    """A redirect to the same path with another slug and query; method and body stay the same (status 307)."""
    path = below_prefix(request.scope["path"])
    base = links.api_comparison("") if request.scope["path"].startswith(links.API) else links.comparison("")
    below = quote(path.removeprefix(base + slug))
    return HTTPException(307, headers={"Location": links.with_query(base + quote(whole, safe="") + below, query)})


def _comparison(request: Request, engine: EngineDep, slug: Slug) -> ComparisonSummary:
    return find_comparison(request, engine, slug)


ComparisonDep = Annotated[ComparisonSummary, Depends(_comparison)]
"""For coroutines. A route in a thread calls `find_comparison` itself: a dependency would take another thread."""


def whole_comparison(engine: Engine, slug: str) -> ComparisonSummary:
    """The comparison of that slug, or of that name where only one has it, without a redirect.

    Raises:
        NotFoundError, QueryError: as `find_comparison`.
    """
    return _public(read.summary_text(engine, read.resolve_slug(engine, slug)))


def all_comparisons(engine: Engine) -> list[ComparisonSummary]:
    """All stored comparisons, newest first."""
    return list(map(_public, read.summary_texts(engine)))


@lru_cache(maxsize=256)
def _public(stored: str) -> ComparisonSummary:
    return public_summary(SUMMARY.validate_json(stored))


def find_sae(engine: Engine, name: str) -> SaeRecord:
    """The registered SAE of that name. Raises NotFoundError."""
    return public_sae(read.get_sae(engine, name))


def all_saes(engine: Engine) -> list[SaeRecord]:
    """All registered SAEs, by name."""
    return list(map(public_sae, read.list_saes(engine)))


def find_degrees(engine: Engine, summary: ComparisonSummary) -> list[DegreeRecord]:
    """The hedging degrees measured on a comparison's narrow SAE, the one stored last first."""
    return degrees_of_sae(engine, summary.narrow.sae)


def degrees_of_sae(engine: Engine, sae: SaeRecord) -> list[DegreeRecord]:
    """The hedging degrees measured on an SAE, the one stored last first."""
    return list(map(public_degree, degrees.degrees_of(engine, sae.checksum, sae.d_sae)))


def find_interventions(engine: Engine, slug: str) -> list[tuple[int, InterventionSummary]]:
    """(number, summary) of the interventions on a comparison, the one stored last first."""
    stored = interventions.interventions_of(engine, slug)
    return [(number, public_intervention(summary)) for number, summary in stored]


def find_intervention(engine: Engine, number: int) -> InterventionSummary:
    """The intervention of that number. Raises NotFoundError."""
    return public_intervention(interventions.get_intervention(engine, number))

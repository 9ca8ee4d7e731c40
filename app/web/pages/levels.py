"""`/c/{slug}/levels`: both SAEs, Matryoshka level by level, and the family tree between levels."""

from __future__ import annotations

from collections.abc import Iterator

from fastapi import APIRouter
from sqlalchemy import Engine
from starlette.requests import Request
from starlette.responses import Response

from app.records import ComparisonSummary
from app.web.http.deps import EngineDep
from app.web.pages.contexts.levels import LevelsPage, PrefixComparison
from app.web.pages.level_tree import OWN, family_tree
from app.web.pages.params import read_params
from app.web.pages.respond import Visit, comparison_frame, comparison_page, page
from app.web.shared.figures.levels import level_plots
from app.web.shared.find import all_comparisons

router = APIRouter()


@page(router, "/c/{slug}/levels")
def levels(request: Request, engine: EngineDep, slug: str) -> Response:
    """The table of levels, its plots, and the tree."""
    return comparison_page(request, engine, slug, "levels.html", build, state=_state)


def build(visit: Visit) -> LevelsPage:
    """What the page shows."""
    params = read_params(visit.request, OWN)
    description = "Explained variance, L0, dead latents and hedging by Matryoshka level; parents and children between."
    return LevelsPage(
        frame=comparison_frame(visit, "Levels", description, api="/tree"),
        summary=visit.summary,
        plots=level_plots(visit.summary),
        prefixes=tuple(_prefixes(visit.engine, visit.summary)),
        tree=family_tree(visit, params),
    )


def _state(visit: Visit) -> str:
    """The comparisons of prefixes, which may be added later."""
    return " ".join(each.summary.slug for each in _prefixes(visit.engine, visit.summary) if each.summary is not None)


def _prefixes(engine: Engine, summary: ComparisonSummary) -> Iterator[PrefixComparison]:
    reference = summary.reference
    if summary.narrow.sae.checksum == reference.sae.checksum or len(reference.levels) < 2:
        return
    of_prefixes: dict[int, ComparisonSummary] = {}
    for other in all_comparisons(engine):
        if other.narrow.sae.checksum == other.reference.sae.checksum == reference.sae.checksum:
            of_prefixes.setdefault(other.narrow.sae.d_sae, other)
    for level in reference.levels[:-1]:
        yield PrefixComparison(level.width, of_prefixes.get(level.width))

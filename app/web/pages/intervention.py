"""`/c/{slug}/intervention`: what narrow latents let go of when their partners got latents of their own."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from app.errors import QueryError
from app.store.interventions import interventions_tag, pair_releases
from app.web.http.deps import EngineDep
from app.web.pages.contexts.intervention import FallRow, InterventionPage
from app.web.pages.params import Params, read_params
from app.web.pages.respond import Visit, comparison_frame, comparison_page, page
from app.web.shared.figures.releases import release_plot
from app.web.shared.interventions import StoredIntervention, stored_interventions

router = APIRouter()

MOST_SHOWN = 20


@page(router, "/c/{slug}/intervention")
def intervention(request: Request, engine: EngineDep, slug: str) -> Response:
    """The intervention where one was run, else how to run one."""
    return comparison_page(request, engine, slug, "intervention.html", build, state=_state)


def build(visit: Visit) -> InterventionPage:
    """What the page shows."""
    params = read_params(visit.request, ("id",))
    stored = stored_interventions(visit.engine, visit.slug)
    shown = _chosen(stored, params)
    frame = comparison_frame(
        visit,
        "Intervention",
        "What narrow latents let go of when the partners mixed into them got latents of their own.",
        api="/interventions",
    )
    if shown is None:
        return InterventionPage(frame, visit.summary, (), None, (), None, ())
    named = [pair for pair in pair_releases(visit.engine, shown.number) if pair.named]
    return InterventionPage(
        frame=frame,
        summary=visit.summary,
        interventions=tuple(stored),
        shown=shown,
        falls=_falls(shown),
        scatter=release_plot(named) if named else None,
        top=tuple(named[:MOST_SHOWN]),
    )


def intervention_state(visit: Visit) -> str:
    """Names the interventions on the comparison; empty where there is none."""
    return interventions_tag(visit.engine, visit.slug)


def _state(visit: Visit) -> str:
    return intervention_state(visit) or "none"


def _chosen(stored: list[StoredIntervention], params: Params) -> StoredIntervention | None:
    """The one that the address names, or the newest. Raises QueryError for another one."""
    by_number = {str(each.number): each for each in stored}
    wanted = params.own.get("id")
    if wanted is not None and wanted not in by_number:
        valid = tuple(by_number)
        expected = ", ".join(valid) or "none: there is no intervention yet"
        raise QueryError(f"id is {wanted!r}; expected {expected}", parameter="id", valid=valid)
    return by_number[wanted] if wanted is not None else next(iter(stored), None)


def _falls(shown: StoredIntervention) -> tuple[FallRow, ...]:
    summary = shown.summary
    return (
        FallRow("named", "added", summary.named_added),
        FallRow("named", "not added", summary.named_not_added),
        FallRow("all others", "added", summary.other_added),
        FallRow("all others", "not added", summary.other_not_added),
    )

"""`/c/{slug}/degree`: the paper's hedging degree of the narrow SAE, compared with the hedging scores."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from app.catalogue import LATENT_FIELDS
from app.records import LatentDegree, Side
from app.scores.rank_correlation import spearman
from app.store import read
from app.store.degrees import degrees_tag
from app.web.http.deps import EngineDep
from app.web.pages.contexts.degree import DegreePage
from app.web.pages.params import read_params
from app.web.pages.respond import Visit, comparison_frame, comparison_page, page
from app.web.shared.figures.degree import AXES, degree_plot
from app.web.shared.find import find_degrees

router = APIRouter()

CHOICES = tuple(LATENT_FIELDS[name] for name in AXES)


@page(router, "/c/{slug}/degree")
def degree(request: Request, engine: EngineDep, slug: str) -> Response:
    """The degree where it was measured, else how to measure it."""
    return comparison_page(request, engine, slug, "degree.html", build, state=_state)


def build(visit: Visit) -> DegreePage:
    """What the page shows."""
    params = read_params(visit.request, ("x",))
    axis = params.choice("x", AXES[0], AXES)
    found = find_degrees(visit.engine, visit.summary)
    frame = comparison_frame(
        visit,
        "Hedging degree",
        "How much the narrow SAE's latents shed once new latents can represent it.",
        api="/degree",
    )
    if not found:
        return DegreePage(frame, visit.summary, (), None, None, axis, CHOICES)
    columns = read.columns(visit.engine, visit.slug, "narrow", AXES)
    correlation = spearman(columns["hedging_score"], [latent.degree for latent in found[0].latents])
    scatter = degree_plot(found[0], columns, axis, chance_level=visit.summary.chance_level)
    return DegreePage(frame, visit.summary, tuple(found), correlation, scatter, axis, CHOICES)


def degree_state(visit: Visit) -> str:
    """Names the degrees that the narrow SAE has; empty where there is none."""
    return degrees_tag(visit.engine, visit.summary.narrow.sae.checksum, visit.summary.narrow.sae.d_sae)


def _state(visit: Visit) -> str:
    return degree_state(visit) or "none"


def latent_degree(visit: Visit, side: Side, index: int) -> LatentDegree | None:
    """What the degree measured last says of one latent; None where there is none."""
    if side != "narrow":
        return None
    found = find_degrees(visit.engine, visit.summary)
    return found[0].latents[index] if found and index < found[0].n_latents else None

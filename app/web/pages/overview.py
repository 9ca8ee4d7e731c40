"""`/c/{slug}`: one comparison at a glance."""

from __future__ import annotations

from dataclasses import replace

from fastapi import APIRouter
from sqlalchemy import Engine
from starlette.requests import Request
from starlette.responses import Response

from app.records import ComparisonSummary, Context, LatentScores
from app.store import read
from app.store.page import LatentQuery
from app.web.http import links
from app.web.http.deps import EngineDep
from app.web.pages.contexts.common import FilterForm, ShownContext
from app.web.pages.contexts.overview import OverviewPage, TopLatent
from app.web.pages.degree import degree_state
from app.web.pages.facets import facets
from app.web.pages.filterform import all_chips, filter_fields, other_filters
from app.web.pages.intervention import intervention_state
from app.web.pages.named import n_left_out, named_partners
from app.web.pages.params import Pairs, read_params
from app.web.pages.respond import Visit, comparison_frame, comparison_page, page
from app.web.pages.scatter import OWN, scatter_data, search_of, view_query
from app.web.pages.tokens import shown_context
from app.web.shared import formatting as show
from app.web.shared.figures.levels import level_plots
from app.web.shared.figures.scores import score_distribution
from app.web.shared.find import find_degrees
from app.web.shared.interventions import newest_intervention
from app.web.shared.latents import latents_by_index

router = APIRouter()

TOP = 10


@page(router, "/c/{slug}")
def overview(request: Request, engine: EngineDep, slug: str) -> Response:
    """Facts, scatter, distributions, levels and the most hedged latents of a comparison."""
    return comparison_page(request, engine, slug, "overview.html", build, state=_state)


def _state(visit: Visit) -> str:
    return " ".join(filter(None, (degree_state(visit), intervention_state(visit))))


def build(visit: Visit) -> OverviewPage:
    """What the page shows."""
    summary = visit.summary
    params = read_params(visit.request, OWN, filters=True)
    scatter = scatter_data(summary, params)
    view = scatter.view

    def with_other(q: str, filters: Pairs) -> str:
        return links.comparison(visit.slug, view_query(replace(view, q=q, filters=filters)))

    return OverviewPage(
        frame=comparison_frame(visit, summary.name, _lead(summary)),
        summary=summary,
        scatter=scatter,
        form=FilterForm(
            links.comparison(visit.slug),
            filter_fields(summary, view.sae, view.filters),
            (*other_filters(view.sae, view.filters), *search_of(view)),
        ),
        chips=all_chips(view.q, view.filters, with_other),
        facets=facets(visit, LatentQuery(view.sae, filters=params.parsed, q=view.q), view.filters, with_other),
        score_plot=score_distribution(summary),
        level_plots=level_plots(summary),
        top=top_latents(visit.engine, visit.slug),
        degree=next(iter(find_degrees(visit.engine, summary)), None),
        intervention=newest_intervention(visit.engine, visit.slug),
    )


def top_latents(engine: Engine, slug: str) -> tuple[TopLatent, ...]:
    """The latents with the highest hedging scores, with their partners and strongest context."""
    latents = [
        latent
        for latent in read.latents_page(engine, slug, LatentQuery("narrow", limit=TOP)).items
        if latent.hedging_score is not None
    ]
    partners = named_partners(engine, slug, latents)
    contexts = _strongest_contexts(engine, slug, latents)
    return tuple(
        TopLatent(
            latent,
            partners[latent.index],
            n_left_out(latent),
            contexts.get(latent.index),
        )
        for latent in latents
    )


def _strongest_contexts(engine: Engine, slug: str, latents: list[LatentScores]) -> dict[int, ShownContext]:
    mains = (latent.main_partner for latent in latents if latent.main_partner is not None)
    references = latents_by_index(engine, slug, "reference", mains)
    strongest: dict[int, Context] = {}
    for latent in latents:
        contexts = read.get_detail(engine, slug, "narrow", latent.index).contexts
        if contexts:
            strongest[latent.index] = contexts[0]
    rows = read.text_rows(engine, slug, (context.row for context in strongest.values()))
    shown = {}
    for latent in latents:
        if latent.index in strongest:
            partner = references.get(latent.main_partner) if latent.main_partner is not None else None
            largest = None if partner is None else partner.max_activation
            shown[latent.index] = shown_context(strongest[latent.index], rows, latent.max_activation, largest)
    return shown


def _lead(summary: ComparisonSummary) -> str:
    """The page's first sentence, which is its description for search engines and previews too."""
    on = f" on {summary.model_name}" if summary.model_name else ""
    return (
        f"{show.number(summary.n_hedged)} of {show.number(summary.n_scored)} scored latents of "
        f"{summary.narrow.sae.name} are diagnosed as hedged, measured against {summary.reference.sae.name}{on}."
    )

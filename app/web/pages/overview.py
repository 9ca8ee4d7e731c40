"""`/c/{slug}`: one comparison at a glance."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from fastapi import APIRouter
from sqlalchemy import Engine
from starlette.requests import Request
from starlette.responses import Response

from app.catalogue import LATENT_FIELDS, LATENT_SPECS
from app.errors import QueryError
from app.records import ComparisonSummary, Context, LatentScores, Partner, Side
from app.store import read
from app.store.filters import FILTER_FIELDS, OPS
from app.store.page import LatentQuery
from app.web.http import links
from app.web.http.deps import EngineDep
from app.web.pages.contexts.common import FilterForm, ShownContext
from app.web.pages.contexts.overview import AxisChoice, OverviewPage, ScatterData, ScatterView, TopLatent
from app.web.pages.degree import degree_state
from app.web.pages.filterform import COMMON, all_chips, filter_fields, other_filters
from app.web.pages.intervention import intervention_state
from app.web.pages.params import Pairs, Params, read_params
from app.web.pages.respond import Visit, comparison_frame, comparison_page, page
from app.web.pages.tokens import shown_context
from app.web.shared import formatting as show
from app.web.shared.figures.levels import level_plots
from app.web.shared.figures.scores import score_distribution
from app.web.shared.find import find_degrees
from app.web.shared.interventions import newest_intervention
from app.web.shared.latents import PartnerRow, latents_by_index

router = APIRouter()

OWN = ("sae", "x", "y", "color", "q", "zoom")
TOP = 10
HEDGED_IN_TOP = 3
"""Named partners shown with each of the most hedged latents; its own page has all."""

LOG_FIELDS = frozenset({"density", "n_firings", "max_activation", "mean_activation"})
"""Fields that spread over decades: their axes are logarithmic."""

AXES = tuple(
    AxisChoice(s.name, s.title, s.unit, s.definition, s.name in LOG_FIELDS, s.kind, s.shown)
    for s in LATENT_SPECS
    if s.sortable and s.kind in ("integer", "number")
)
USUAL_AXES = {"x": "max_decoder_cosine", "y": "max_jaccard"}
DEFAULT_COLOUR: Mapping[Side, str] = {"narrow": "hedging_score", "reference": "density"}


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
    return OverviewPage(
        frame=comparison_frame(visit, summary.name, _lead(summary)),
        summary=summary,
        scatter=scatter,
        form=FilterForm(
            links.comparison(visit.slug),
            filter_fields(summary, view.sae, view.filters),
            (*other_filters(view.sae, view.filters), *_search(view)),
        ),
        chips=all_chips(
            view.q,
            view.filters,
            lambda q, filters: links.comparison(visit.slug, _query(replace(view, q=q, filters=filters))),
        ),
        score_plot=score_distribution(summary),
        level_plots=level_plots(summary),
        top=top_latents(visit.engine, visit.slug),
        degree=next(iter(find_degrees(visit.engine, summary)), None),
        intervention=newest_intervention(visit.engine, visit.slug),
    )


def scatter_data(summary: ComparisonSummary, params: Params) -> ScatterData:
    """What the browser draws, and where it gets the points."""
    view = scatter_view(params)
    return ScatterData(
        view=view,
        axes=AXES,
        chance=_chance(summary),
        name=summary.name,
        points_url=links.points(summary.slug),
        overview_url=links.comparison(summary.slug),
        table_url=links.latents(summary.slug, (("sae", view.sae), *view.filters, *_search(view))),
        plotly_url=links.static("vendor/plotly-strict.min.js"),
        counts={"narrow": summary.narrow.sae.d_sae, "reference": summary.reference.sae.d_sae},
        usual={**USUAL_AXES, "color": DEFAULT_COLOUR[view.sae]},
        common=COMMON,
        titles={name: LATENT_FIELDS[name].title for name in FILTER_FIELDS},
        signs={name: op.sign for name, op in OPS.items()},
    )


def _chance(summary: ComparisonSummary) -> dict[str, float]:
    """The chance levels that a comparison has; before scoring version 4 the score had none."""
    levels = {"max_decoder_cosine": summary.null.q95, "hedging_score": summary.chance_level}
    return {name: level for name, level in levels.items() if level is not None}


def _query(view: ScatterView) -> Pairs:
    """A view as parameters, in the order in which the browser writes them."""
    zoom = () if view.zoom is None else (("zoom", ",".join(f"{edge:.5g}" for edge in view.zoom)),)
    axes = (("sae", view.sae), ("x", view.x), ("y", view.y), ("color", view.color))
    return (*axes, *view.filters, *_search(view), *zoom)


def _search(view: ScatterView) -> Pairs:
    return (("q", view.q),) if view.q else ()


def scatter_view(params: Params) -> ScatterView:
    """The plot's state from the URL.

    Raises:
        QueryError: an invalid axis, side or window.
    """
    side = params.side()
    names = tuple(axis.name for axis in AXES)
    return ScatterView(
        sae=side,
        x=params.choice("x", USUAL_AXES["x"], names),
        y=params.choice("y", USUAL_AXES["y"], names),
        color=params.choice("color", DEFAULT_COLOUR[side], names),
        filters=params.filters,
        q=params.own.get("q", ""),
        zoom=_zoom(params.own.get("zoom")),
    )


def _zoom(text: str | None) -> tuple[float, float, float, float] | None:
    if text is None:
        return None
    try:
        x0, x1, y0, y1 = (float(part) for part in text.split(","))
    except ValueError as error:
        message = f"zoom is {text!r}; expected four numbers x0,x1,y0,y1"
        raise QueryError(message, parameter="zoom") from error
    # Also false for NaN.
    if not (x0 < x1 < float("inf") and y0 < y1 < float("inf") and min(x0, y0) > float("-inf")):
        raise QueryError(f"zoom is {text!r}; expected x0 < x1 and y0 < y1, all finite", parameter="zoom")
    return x0, x1, y0, y1


def top_latents(engine: Engine, slug: str) -> tuple[TopLatent, ...]:
    """The latents with the highest hedging scores, with their partners and strongest context."""
    latents = [
        latent
        for latent in read.latents_page(engine, slug, LatentQuery("narrow", limit=TOP)).items
        if latent.hedging_score is not None
    ]
    partners = {
        latent.index: _shown_partners(read.partners_of_narrow(engine, slug, latent.index)) for latent in latents
    }
    references = latents_by_index(engine, slug, "reference", (p.index for some in partners.values() for p in some))
    contexts = _strongest_contexts(engine, slug, latents, references)
    return tuple(
        TopLatent(
            latent,
            tuple(PartnerRow(p, p.index, references[p.index].label) for p in partners[latent.index]),
            max(0, (latent.n_hedged_partners or 0) - HEDGED_IN_TOP),
            contexts.get(latent.index),
        )
        for latent in latents
    )


def _shown_partners(partners: list[Partner]) -> list[Partner]:
    main = [partner for partner in partners if partner.diagnosis == "main"]
    named = [partner for partner in partners if partner.diagnosis != "main" and partner.predicted_mass > 0]
    return main + sorted(named, key=lambda partner: -partner.predicted_mass)[:HEDGED_IN_TOP]


def _strongest_contexts(
    engine: Engine, slug: str, latents: list[LatentScores], references: Mapping[int, LatentScores]
) -> dict[int, ShownContext]:
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

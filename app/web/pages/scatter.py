"""The overview's plot: its state in the URL, and what the browser gets to draw it."""

from __future__ import annotations

from collections.abc import Mapping

from app.catalogue import LATENT_FIELDS, LATENT_SPECS
from app.errors import QueryError
from app.records import ComparisonSummary, Side
from app.store.filters import FILTER_FIELDS, OPS
from app.web.http import links
from app.web.pages.contexts.overview import AxisChoice, ScatterData, ScatterView
from app.web.pages.facets import FACET_FIELDS
from app.web.pages.filterform import COMMON
from app.web.pages.params import Pairs, Params

OWN = ("sae", "x", "y", "color", "size", "q", "zoom")

LOG_FIELDS = frozenset({"density", "n_firings", "max_activation", "mean_activation"})
"""Fields that spread over decades: their axes are logarithmic."""

AXES = tuple(
    AxisChoice(s.name, s.title, s.unit, s.definition, s.name in LOG_FIELDS, s.kind, s.shown)
    for s in LATENT_SPECS
    if s.sortable and s.kind in ("integer", "number")
)
USUAL_AXES = {"x": "max_decoder_cosine", "y": "max_jaccard"}
DEFAULT_COLOUR: Mapping[Side, str] = {"narrow": "hedging_score", "reference": "density"}


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
        table_url=links.latents(summary.slug, (("sae", view.sae), *view.filters, *search_of(view))),
        plotly_url=links.static("vendor/plotly-strict.min.js"),
        counts={"narrow": summary.narrow.sae.d_sae, "reference": summary.reference.sae.d_sae},
        usual={**USUAL_AXES, "color": DEFAULT_COLOUR[view.sae]},
        common=COMMON,
        facets=FACET_FIELDS[view.sae],
        titles={name: LATENT_FIELDS[name].title for name in FILTER_FIELDS},
        signs={name: op.sign for name, op in OPS.items()},
    )


def _chance(summary: ComparisonSummary) -> dict[str, float]:
    """The chance levels that a comparison has; before scoring version 4 the score had none."""
    levels = {"max_decoder_cosine": summary.null.q95, "hedging_score": summary.chance_level}
    return {name: level for name, level in levels.items() if level is not None}


def view_query(view: ScatterView) -> Pairs:
    """A view as parameters, in the order in which the browser writes them."""
    zoom = () if view.zoom is None else (("zoom", ",".join(f"{edge:.5g}" for edge in view.zoom)),)
    axes = (("sae", view.sae), ("x", view.x), ("y", view.y), ("color", view.color))
    size = (("size", view.size),) if view.size else ()
    return (*axes, *size, *view.filters, *search_of(view), *zoom)


def search_of(view: ScatterView) -> Pairs:
    """The search of a view as a parameter, where it has one."""
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
        size=params.choice("size", "", ("", *names)),
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

"""What `/c/{slug}` shows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from app.catalogue import Kind
from app.records import (
    ComparisonSummary,
    DegreeRecord,
    LatentScores,
    Side,
)
from app.web.pages.contexts.common import Facet, FilterChip, FilterForm, Frame, ShownContext
from app.web.shared.figures.plot import Plot
from app.web.shared.interventions import StoredIntervention
from app.web.shared.latents import PartnerRow


@dataclass(frozen=True)
class AxisChoice:
    """A field that an axis or the colour can show."""

    name: str
    title: str
    unit: str
    definition: str
    log: bool
    kind: Kind
    shown: str


@dataclass(frozen=True)
class ScatterView:
    """What the overview's plot shows, all of it from the URL.

    Attributes:
        size: field that the points' size shows; empty for points of one size.
        filters: query parameters `(field__op, value)`, in order.
        q: the search in force; empty without one.
        zoom: `x0, x1, y0, y1` in data units; None for the whole plot.
    """

    sae: Side
    x: str
    y: str
    color: str
    size: str
    filters: tuple[tuple[str, str], ...]
    q: str
    zoom: tuple[float, float, float, float] | None


@dataclass(frozen=True)
class ScatterData:
    """What the browser needs to draw the scatter: read by `static/js/scatter.js`.

    Attributes:
        name: of the comparison, for the names of saved pictures.
        chance: field -> chance level of narrow latents, where it has one.
        usual: the axes and the colour of a plot for which the URL names none.
        facets: fields whose values are counted next to the filters.
        common: fields that latents of both SAEs have, so that their filters make sense for either.
        titles: field -> its title; `signs`: operation of a filter -> its sign. Both for the words of filters.
    """

    name: str

    view: ScatterView
    axes: tuple[AxisChoice, ...]
    chance: Mapping[str, float]
    points_url: str
    overview_url: str
    table_url: str
    plotly_url: str
    counts: Mapping[str, int]
    usual: Mapping[str, str]
    common: tuple[str, ...]
    facets: tuple[str, ...]
    titles: Mapping[str, str]
    signs: Mapping[str, str]


@dataclass(frozen=True)
class TopLatent:
    """One of the most hedged latents, with its strongest context.

    Attributes:
        partners: its main partner and the first hedged ones.
        n_more: hedged partners that `partners` leaves out.
    """

    latent: LatentScores
    partners: tuple[PartnerRow, ...]
    n_more: int
    context: ShownContext | None


@dataclass(frozen=True)
class OverviewPage:
    """One comparison at a glance; `degree` is the narrow SAE's hedging degree, `intervention` the newest one."""

    frame: Frame
    summary: ComparisonSummary
    scatter: ScatterData
    form: FilterForm
    chips: tuple[FilterChip, ...]
    facets: tuple[Facet, ...]
    score_plot: Plot
    level_plots: tuple[Plot, ...]
    top: tuple[TopLatent, ...]
    degree: DegreeRecord | None
    intervention: StoredIntervention | None

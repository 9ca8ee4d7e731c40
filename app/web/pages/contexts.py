"""What each page shows, as frozen dataclasses: the template gets the fields, the `.json` twin is them.

Numbers stay numbers here; templates format them with the filters of `app.web.shared.formatting`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from app.catalogue import ScoreSpec
from app.jobs.records import Job
from app.records import (
    ComparisonSummary,
    DegreeRecord,
    FiringTable,
    LatentDegree,
    LatentDiagnosis,
    LatentScores,
    LogitWeights,
    NullSummary,
    Overlap,
    Partner,
    SaeRecord,
    Side,
    ToyLab,
)
from app.scores.rank_correlation import RankCorrelation
from app.web.live.prompt_records import PromptLatent

Figure = Mapping[str, Any]
"""A Plotly figure: `data` and `layout`; colours that follow the theme are set in the browser."""


@dataclass(frozen=True)
class Crumb:
    """A page above this one."""

    text: str
    href: str


@dataclass(frozen=True)
class Frame:
    """What every page has.

    Attributes:
        title: of the document, and for share previews.
        description: one sentence, for share previews.
        crumbs: the pages above, outermost first.
        json_url: the page's twin.
        api_url: the same in the API; None where the API has no such resource.
        embed: whether the page is shown without header and footer, inside another page.
        version: of the program.
    """

    title: str
    description: str
    crumbs: tuple[Crumb, ...]
    json_url: str
    api_url: str | None
    embed: bool
    version: str


@dataclass(frozen=True)
class DataTable:
    """The numbers behind a plot, already as text."""

    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class Plot:
    """A plot and the table of what it draws.

    Attributes:
        name: unique on its page; the element's id.
        title: above the plot.
        description: what it shows, for those who can't see it.
    """

    name: str
    title: str
    description: str
    figure: Figure
    table: DataTable


@dataclass(frozen=True)
class FilterChip:
    """One filter in force: what it says, and the page without it."""

    text: str
    without: str


@dataclass(frozen=True)
class ShownToken:
    """A token of a context, with the activation of the latent and of the one beside it.

    Attributes:
        text: empty where the token holds only part of a character.
        activation, other: activations; `other` is None where there is no second latent.
        strength, other_strength: colour steps, 0 … 10.
        centre: whether the context is about this token.
    """

    text: str
    activation: float
    other: float | None
    strength: int
    other_strength: int
    centre: bool


@dataclass(frozen=True)
class ShownContext:
    """A stretch of tokens; `tokens` is empty where the comparison keeps no text."""

    row: int
    position: int
    activation: float
    other: float | None
    tokens: tuple[ShownToken, ...]


@dataclass(frozen=True)
class ContextGroup:
    """Contexts of one kind: the strongest, or one fifth of the firings."""

    kind: str
    title: str
    contexts: tuple[ShownContext, ...]


@dataclass(frozen=True)
class ComparisonRow:
    """A comparison in the list of all; `median_score` is None where no latent has a score."""

    summary: ComparisonSummary
    median_score: float | None


@dataclass(frozen=True)
class HomePage:
    """All comparisons, newest first."""

    frame: Frame
    rows: tuple[ComparisonRow, ...]


@dataclass(frozen=True)
class AxisChoice:
    """A field that an axis or the colour can show."""

    name: str
    title: str
    unit: str
    definition: str
    log: bool


@dataclass(frozen=True)
class ScatterView:
    """What the overview's plot shows, all of it from the URL.

    Attributes:
        filters: query parameters `(field__op, value)`, in order.
        zoom: `x0, x1, y0, y1` in data units; None for the whole plot.
    """

    sae: Side
    x: str
    y: str
    color: str
    filters: tuple[tuple[str, str], ...]
    zoom: tuple[float, float, float, float] | None


@dataclass(frozen=True)
class FilterField:
    """An input of a filter form.

    Attributes:
        parameter: name of the query parameter.
        label: beside the input.
        kind: `number`, or `choice` among `options`.
        value: as in the URL; empty where not set.
        step: of a number input: `any`, or `1` for whole numbers.
    """

    parameter: str
    label: str
    kind: Literal["number", "choice"]
    value: str
    step: str = "any"
    options: tuple[str, ...] = ()


@dataclass(frozen=True)
class FilterForm:
    """A form whose inputs are query parameters; `hidden` are the parameters that it keeps as they are."""

    action: str
    fields: tuple[FilterField, ...]
    hidden: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class ScatterData:
    """What the browser needs to draw the scatter: read by `static/js/scatter.js`."""

    view: ScatterView
    axes: tuple[AxisChoice, ...]
    null: NullSummary
    points_url: str
    overview_url: str
    table_url: str
    counts: Mapping[str, int]


@dataclass(frozen=True)
class PartnerRow:
    """A partner seen from one of its two latents: index and label are the other one's."""

    partner: Partner
    index: int
    label: str


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
    """One comparison at a glance; `degree` is the narrow SAE's hedging degree, where it was measured."""

    frame: Frame
    summary: ComparisonSummary
    scatter: ScatterData
    form: FilterForm
    score_plot: Plot
    level_plots: tuple[Plot, ...]
    top: tuple[TopLatent, ...]
    degree: DegreeRecord | None


@dataclass(frozen=True)
class Column:
    """A column of the latents table.

    Attributes:
        sort_url: the table sorted by it (descending first; again: the other way); None where it can't be.
        sorted: how the table is sorted by it now.
    """

    spec: ScoreSpec
    sort_url: str | None
    sorted: Literal["ascending", "descending"] | None


@dataclass(frozen=True)
class LatentsPage:
    """The table of one SAE's latents.

    Attributes:
        total: latents that pass the filters; None where not counted.
        first_url: the first page; None on it. `next_url`: the next page; None on the last.
        columns_url: the same with all columns, or with the usual ones again.
        latent_query: parameters that a latent's page takes to lead through the same order.
    """

    frame: Frame
    summary: ComparisonSummary
    sae: Side
    columns: tuple[Column, ...]
    all_columns: bool
    columns_url: str
    items: tuple[LatentScores, ...]
    total: int | None
    limit: int
    q: str
    form: FilterForm
    chips: tuple[FilterChip, ...]
    side_urls: Mapping[Side, str]
    first_url: str | None
    next_url: str | None
    plot_url: str
    csv_url: str
    ndjson_url: str
    latent_query: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class NearLatent:
    """A neighbour of a latent by decoder cosine, or a place before or after it in an order."""

    sae: Side
    index: int
    label: str
    diagnosis: LatentDiagnosis | None
    decoder_cosine: float | None = None


@dataclass(frozen=True)
class Steps:
    """The latents before and after this one, by index or in the order of the table it came from.

    Attributes:
        order: the order in words.
        query: parameters to go on in the same order.
    """

    order: str
    previous: int | None
    next: int | None
    query: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class LatentPage:
    """One latent of either SAE.

    Attributes:
        scores: the catalogue's fields that this side has.
        partners: reference latents of a narrow latent's decomposition by rank; for a reference latent
            the narrow latents in whose decomposition it takes part, by share.
        n_partners: all of them; `partners` may hold only the first.
        degree: the latent's hedging degree, where its SAE's was measured.
        other_latent: the main partner, whose activations stand beside this latent's.
        highlight: which of the two the contexts show: `both`, `latent` or `partner`.
        has_tokens: False where the comparison was made from activations alone.
    """

    frame: Frame
    summary: ComparisonSummary
    latent: LatentScores
    scores: tuple[ScoreSpec, ...]
    degree: LatentDegree | None
    partners: tuple[PartnerRow, ...]
    n_partners: int
    decomposition: Plot | None
    histogram: Plot | None
    groups: tuple[ContextGroup, ...]
    has_tokens: bool
    highlight: str
    other_latent: NearLatent | None
    same_sae: tuple[NearLatent, ...]
    other_sae: tuple[NearLatent, ...]
    logit_weights: LogitWeights | None
    steps: tuple[Steps, ...]


@dataclass(frozen=True)
class PairPage:
    """A narrow latent beside a reference latent.

    Attributes:
        partner: the evidence, where the reference latent is a partner of the narrow one.
        firing, overlap, decoder_cosine: None where the comparison keeps no counts of this pair; `note` says so.
        joint: joint histogram of their activations, where stored.
    """

    frame: Frame
    summary: ComparisonSummary
    narrow: LatentScores
    reference: LatentScores
    partner: Partner | None
    decoder_cosine: float | None
    firing: FiringTable | None
    overlap: Overlap | None
    note: str | None
    joint: Plot | None
    contexts: tuple[ShownContext, ...]
    highlight: str


@dataclass(frozen=True)
class PromptChoice:
    """A latent among the strongest of a token.

    Attributes:
        activation: on this token.
        partners: its hedged partners in words; empty where it has none.
    """

    sae: Side
    index: int
    label: str
    activation: float
    diagnosis: LatentDiagnosis | None
    partners: str


@dataclass(frozen=True)
class PromptRow:
    """A token of one's own text.

    Attributes:
        place: among the tokens, from 0.
        text: empty where the token holds only part of a character.
        activation, other: of the chosen latent and its main partner.
        strength, other_strength: colour steps, 0 … 10.
        narrow, reference: the strongest latents of each SAE, strongest first.
    """

    place: int
    text: str
    scored: bool
    activation: float
    other: float
    strength: int
    other_strength: int
    n_active_narrow: int
    n_active_reference: int
    narrow: tuple[PromptChoice, ...]
    reference: tuple[PromptChoice, ...]


@dataclass(frozen=True)
class PromptNotice:
    """Why there is no answer."""

    title: str
    detail: str


@dataclass(frozen=True)
class PromptPage:
    """One's own text, read by a comparison's model and both its SAEs.

    Attributes:
        text: what is in the box.
        chosen: the latent whose activations are shown over the text; None where none fires and none was asked for.
        chosen_partner: its main partner, where it fires as well; shown beside it.
        rows: the tokens; empty before a text was read.
        latents: what the script needs to show another latent: those that `rows` name.
        notice: why there is no answer.
        read_by: model, hook, device and dtype in words; None before a text was read.
    """

    frame: Frame
    summary: ComparisonSummary
    text: str
    chosen: PromptLatent | None
    chosen_partner: PromptLatent | None
    rows: tuple[PromptRow, ...]
    latents: tuple[PromptLatent, ...]
    notice: PromptNotice | None
    read_by: str | None


@dataclass(frozen=True)
class LevelsPage:
    """Both SAEs, Matryoshka level by level."""

    frame: Frame
    summary: ComparisonSummary
    plots: tuple[Plot, ...]


@dataclass(frozen=True)
class DegreePage:
    """The paper's hedging degree of a comparison's narrow SAE, beside its hedging scores.

    Attributes:
        degrees: as measured, the one stored last first; empty where none was.
        correlation: rank correlation over latents of the first one with the hedging scores.
        scatter: plot of the first one, one point a latent, against the field `axis`, which is one of `axes`.
    """

    frame: Frame
    summary: ComparisonSummary
    degrees: tuple[DegreeRecord, ...]
    correlation: RankCorrelation | None
    scatter: Plot | None
    axis: str
    axes: tuple[ScoreSpec, ...]


@dataclass(frozen=True)
class SaesPage:
    """The registered SAEs."""

    frame: Frame
    saes: tuple[SaeRecord, ...]


@dataclass(frozen=True)
class JobRow:
    """A job in the list of all.

    Attributes:
        title: what was asked for, in a few words.
        result_url: what came out; None where nothing did yet.
    """

    job: Job
    title: str
    result_url: str | None


@dataclass(frozen=True)
class JobsPage:
    """Jobs, newest first; `older_url` leads to those before them."""

    frame: Frame
    rows: tuple[JobRow, ...]
    older_url: str | None


@dataclass(frozen=True)
class JobPage:
    """One job, followed while it runs.

    Attributes:
        facts: what was asked for, as names and values.
        result_url: what came out; None where nothing did yet.
        events_url: its stream of events.
        asks_token: whether cancelling and resuming need a token.
        again_url: the form, filled in with the same request.
    """

    frame: Frame
    job: Job
    title: str
    facts: tuple[tuple[str, str], ...]
    result_url: str | None
    events_url: str
    asks_token: bool
    again_url: str


@dataclass(frozen=True)
class AskForm:
    """A form that submits a job.

    Attributes:
        fields: field -> its title, description and limits.
        given: field -> what stands in it.
        error: why what was sent can't be done; None before anything was sent.
        wrong: the field that the error is about.
        asks_token: whether a token is needed.
        is_open: whether anybody can start jobs on this server.
    """

    fields: Mapping[str, Mapping[str, Any]]
    given: Mapping[str, str]
    error: str | None
    wrong: str | None
    asks_token: bool
    is_open: bool


@dataclass(frozen=True)
class CompareNewPage:
    """The form for a comparison; `choices` are the SAEs, and the prefixes of Matryoshka SAEs as `name@width`."""

    frame: Frame
    form: AskForm
    choices: tuple[str, ...]


@dataclass(frozen=True)
class SaeNewPage:
    """The form for the registration of an SAE."""

    frame: Frame
    form: AskForm


@dataclass(frozen=True)
class SpecGroup:
    """A part of the catalogue; `anchors` where its fields are linked to from other pages."""

    title: str
    prefix: str
    specs: tuple[ScoreSpec, ...]


@dataclass(frozen=True)
class AboutPage:
    """What the scores mean and their limits."""

    frame: Frame
    scoring_version: str
    groups: tuple[SpecGroup, ...]


@dataclass(frozen=True)
class ShownToy:
    """A toy: its world and its SAE in words, and what came out."""

    world: str
    sae: str
    plot: Plot


@dataclass(frozen=True)
class LabPage:
    """Tiny SAEs on worlds with known features.

    Attributes:
        results: numbers, and what repeats them.
        toys: the same for people.
    """

    frame: Frame
    results: ToyLab
    toys: tuple[ShownToy, ...]

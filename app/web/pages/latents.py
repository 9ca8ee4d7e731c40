"""`/c/{slug}/latents`: the table of latents, and the same as CSV and NDJSON."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response, StreamingResponse

from app.catalogue import LATENT_SPECS, ScoreSpec
from app.errors import QueryError
from app.records import LatentScores, Side
from app.records.sides import SIDES
from app.store import read
from app.store.cursors import MAX_SORTS, Sort, parse_order
from app.store.page import LatentQuery
from app.web.http import links
from app.web.http.deps import EngineDep, SettingsDep
from app.web.http.params import FRAME
from app.web.pages.contexts.common import FilterForm
from app.web.pages.contexts.latents import Column, ColumnChoice, LatentsPage
from app.web.pages.facets import facets
from app.web.pages.filterform import COMMON, all_chips, common_filters, filter_fields, other_filters
from app.web.pages.named import named_partners
from app.web.pages.params import Pairs, Params, read_params
from app.web.pages.respond import Visit, comparison_answer, comparison_frame, comparison_page, page, serve
from app.web.pages.table_place import place_in_words, table_page
from app.web.shared import formatting as show
from app.web.shared.find import find_comparison, redirect
from app.web.shared.latent_files import CSV, NDJSON, Rows, latents_as_csv, latents_as_ndjson, without_body
from app.web.shared.latents import PartnerRow

router = APIRouter()

Blocks = Callable[[Iterable[Rows]], Iterator[bytes]]

OWN = ("sae", "sort", "q", "limit", "cursor", "columns", "fields", "start")
LIMIT = 100
DEFAULT_SORT: Mapping[Side, str] = {"narrow": "-hedging_score", "reference": "-density"}

CHOOSABLE = tuple(spec for spec in LATENT_SPECS if spec.name != "sae")
"""All columns: the table is about one SAE."""

USUAL: Mapping[Side, tuple[str, ...]] = {
    "narrow": (
        "index",
        "label",
        "diagnosis",
        "hedging_score",
        "main_partner",
        "n_hedged_partners",
        "max_decoder_cosine",
        "max_jaccard",
        "density",
        "n_firings",
    ),
    "reference": tuple(spec.name for spec in CHOOSABLE if "reference" in spec.table),
}
"""What a table shows at first: for narrow latents in the order of the question, which ones hedge, and with what."""

ASCENDING_FIRST = frozenset({"index", "level", "diagnosis"})
"""Fields that a first click sorts upwards, since readers expect small values first."""


@dataclass(frozen=True)
class TableState:
    """The table's state, all of it from the URL, and the URLs of the states next to it."""

    slug: str
    params: Params
    side: Side
    order: tuple[Sort, ...]

    @property
    def sort(self) -> str:
        """The order as a parameter."""
        return ",".join(map(str, self.order))

    @property
    def query(self) -> Pairs:
        """Side, order, filters and search: which latents, in which order."""
        return (("sae", self.side), ("sort", self.sort), *self.params.filters, *self.params.kept("q"))

    @property
    def layout(self) -> Pairs:
        """How the table is shown."""
        return self.params.kept("limit", "columns", "fields")

    def with_filters(self, q: str, filters: Pairs) -> str:
        """The table with another search and other filters, from its first page."""
        order = (("sae", self.side), ("sort", self.sort))
        search = (("q", q),) if q else ()
        return links.latents(self.slug, (*order, *filters, *search, *self.layout))

    def with_side(self, side: Side) -> str:
        """The other SAE's table, with the search, and with order and filters where its latents have those fields."""
        if side == self.side:
            return self.at(())
        order = (
            (("sort", self.sort),)
            if "sort" in self.params.own and all(sort.field in COMMON for sort in self.order)
            else ()
        )
        filters = common_filters(self.params.filters)
        return links.latents(self.slug, (("sae", side), *order, *filters, *self.params.kept("q"), *self.layout))

    def with_order(self, *order: Sort) -> str:
        """The table in another order, from its first page."""
        query = (("sae", self.side), ("sort", ",".join(map(str, order))), *self.params.filters, *self.params.kept("q"))
        return links.latents(self.slug, (*query, *self.layout))

    def at(self, place: Pairs) -> str:
        """The page at a place; the first for none."""
        return links.latents(self.slug, (*self.query, *self.layout, *place))


@page(router, "/c/{slug}/latents")
def latents(request: Request, engine: EngineDep, settings: SettingsDep, slug: str) -> Response:
    """The table of latents."""
    joined = _joined_fields(request)
    if joined is not None:
        raise redirect(request, slug, slug, joined)
    return comparison_page(request, engine, slug, "latents.html", lambda visit: build(visit, settings.page_size_max))


def _joined_fields(request: Request) -> Pairs | None:
    """The parameters with `fields` once, where the form of checkboxes gave it several times."""
    given = request.query_params.multi_items()
    names = [value for name, value in given if name == "fields"]
    if len(names) < 2:
        return None
    return (*((name, value) for name, value in given if name != "fields"), ("fields", ",".join(names)))


@serve(router, "/c/{slug}/random")
def random_latent(request: Request, engine: EngineDep, slug: str) -> Response:
    """Any latent of one SAE, another one each time."""
    summary = find_comparison(request, engine, slug)
    side = read_params(request, ("sae",)).side()
    index = secrets.randbelow(summary.narrow.sae.d_sae if side == "narrow" else summary.reference.sae.d_sae)
    kept = ((name, value) for name, value in request.query_params.items() if name in FRAME)
    headers = {"Cache-Control": "no-store"}
    return RedirectResponse(links.latent(summary.slug, side, index, tuple(kept)), 307, headers)


@serve(router, "/c/{slug}/latents.csv")
def latents_csv(request: Request, engine: EngineDep, slug: str) -> Response:
    """All latents of the filtered view as CSV: a head, then one row each; an undefined value is empty."""
    return comparison_answer(request, engine, slug, lambda visit: _file(visit, "csv", CSV, latents_as_csv))


@serve(router, "/c/{slug}/latents.ndjson")
def latents_ndjson(request: Request, engine: EngineDep, slug: str) -> Response:
    """All latents of the filtered view, one JSON object a line, reasons included."""
    return comparison_answer(request, engine, slug, lambda visit: _file(visit, "ndjson", NDJSON, latents_as_ndjson))


def build(visit: Visit, most: int) -> LatentsPage:
    """What the page shows; `most` is the largest page allowed."""
    state = table_state(visit)
    params, side, summary = state.params, state.side, visit.summary
    limit = params.whole("limit", min(LIMIT, most), 1, most)
    found = table_page(visit.engine, visit.slug, latent_query(state, limit=limit), params)
    specs = table_specs(side, params)
    all_columns = len(specs) == len(CHOOSABLE)
    order = params.kept("sort", "limit")
    kept = (("sae", side), *order, *params.kept("columns", "fields"), *other_filters(side, params.filters))
    everything = () if all_columns else (("columns", "all"),)
    return LatentsPage(
        frame=comparison_frame(
            visit,
            "Latents",
            f"The latents of {summary.name}, with every score.",
            api=links.with_query("/latents", (*state.query, *params.kept("limit", "cursor"))),
        ),
        summary=summary,
        sae=side,
        columns=tuple(_column(spec, state) for spec in specs),
        choices=tuple(ColumnChoice(spec.name, spec.title, spec in specs) for spec in CHOOSABLE),
        columns_form=FilterForm(
            links.latents(visit.slug), (), (("sae", side), *order, *params.filters, *params.kept("q"))
        ),
        all_columns=all_columns,
        columns_url=links.latents(visit.slug, (*state.query, *params.kept("limit"), *everything)),
        items=found.items,
        partners=_partners(visit, side, specs, found.items),
        total=found.total,
        place=place_in_words(found, show.number),
        q=params.own.get("q", ""),
        form=FilterForm(links.latents(visit.slug), filter_fields(summary, side, params.filters), kept),
        chips=all_chips(params.own.get("q", ""), params.filters, state.with_filters),
        facets=facets(visit, latent_query(state), params.filters, state.with_filters),
        side_urls={one: state.with_side(one) for one in SIDES},
        clear_url=state.with_filters("", ()),
        first_url=state.at(()) if found.start else None,
        previous_url=None if found.previous is None else state.at(found.previous),
        next_url=None if found.next is None else state.at(found.next),
        plot_url=links.comparison(visit.slug, (("sae", side), *params.filters, *params.kept("q"))),
        csv_url=links.latents_file(visit.slug, "csv", state.query),
        ndjson_url=links.latents_file(visit.slug, "ndjson", state.query),
        latent_query=tuple(pair for pair in state.query if pair[0] != "sae"),
    )


def table_state(visit: Visit) -> TableState:
    """The table's state. Raises QueryError if the URL is invalid."""
    params = read_params(visit.request, OWN, filters=True)
    side = params.side()
    return TableState(visit.slug, params, side, parse_order(params.own.get("sort", DEFAULT_SORT[side])))


def latent_query(state: TableState, *, limit: int = LIMIT, cursor: str | None = None) -> LatentQuery:
    """The store's query of a state."""
    return LatentQuery(
        state.side, state.sort, state.params.parsed, state.params.own.get("q"), limit=limit, cursor=cursor
    )


def table_specs(side: Side, params: Params) -> tuple[ScoreSpec, ...]:
    """The columns: those of `fields`, all, or those that a side's table shows at first.

    Raises:
        QueryError: no such field.
    """
    if params.choice("columns", "usual", ("usual", "all")) == "all":
        return CHOOSABLE
    chosen = [name.strip() for name in params.own.get("fields", ",".join(USUAL[side])).split(",")]
    known = {spec.name: spec for spec in CHOOSABLE}
    for name in chosen:
        if name not in known:
            message = f"fields has {name!r}; expected some of {', '.join(known)}"
            raise QueryError(message, parameter="fields", valid=tuple(known))
    return tuple(known[name] for name in dict.fromkeys(("index", *chosen)))


def _partners(
    visit: Visit, side: Side, specs: Iterable[ScoreSpec], latents: tuple[LatentScores, ...]
) -> dict[int, tuple[PartnerRow, ...]]:
    if side == "reference" or not {"main_partner", "n_hedged_partners"} & {spec.name for spec in specs}:
        return {}
    return named_partners(visit.engine, visit.slug, latents)


def _column(spec: ScoreSpec, state: TableState) -> Column:
    if not spec.sortable:
        return Column(spec, None, None, None, 0)
    rank = next((rank for rank, sort in enumerate(state.order, 1) if sort.field == spec.name), 0)
    now = state.order[rank - 1] if rank else None
    is_alone = now is not None and len(state.order) == 1
    first = Sort(spec.name, spec.name not in ASCENDING_FIRST)
    turned = first if now is None else Sort(spec.name, not now.descending)
    is_full = len(state.order) == MAX_SORTS or state.order[-1].field == "index"
    then = None if rank or is_full or spec.name == "index" else state.with_order(*state.order, first)
    direction: Literal["ascending", "descending"] | None = None
    if now is not None:
        direction = "descending" if now.descending else "ascending"
    alone = turned if is_alone else first
    return Column(spec, state.with_order(alone), then, direction, rank)


def _file(visit: Visit, ending: str, media_type: str, blocks: Blocks) -> Response:
    state = table_state(visit)
    name = f"{visit.slug}-{state.side}.{ending}"
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    if visit.request.method == "HEAD":
        return without_body(media_type, headers)
    rows = read.row_blocks(visit.engine, visit.slug, latent_query(state))
    return StreamingResponse(blocks(rows), media_type=media_type, headers=headers)

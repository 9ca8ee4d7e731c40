"""`/c/{slug}/latents`: the table of latents, and the same as CSV and NDJSON."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from app.catalogue import LATENT_SPECS, ScoreSpec
from app.records import Side
from app.records.sides import SIDES
from app.store import read
from app.store.cursors import Sort, parse_sort
from app.store.page import LatentQuery
from app.web.http import links
from app.web.http.deps import EngineDep, SettingsDep
from app.web.pages.contexts.common import FilterForm
from app.web.pages.contexts.latents import Column, LatentsPage
from app.web.pages.filterform import COMMON, all_chips, common_filters, filter_fields, other_filters
from app.web.pages.params import Pairs, Params, read_params
from app.web.pages.respond import Visit, comparison_answer, comparison_frame, comparison_page, page, serve
from app.web.pages.table_place import place_in_words, table_page
from app.web.shared import formatting as show
from app.web.shared.latent_files import CSV, NDJSON, Rows, latents_as_csv, latents_as_ndjson, without_body

router = APIRouter()

Blocks = Callable[[Iterable[Rows]], Iterator[bytes]]

OWN = ("sae", "sort", "q", "limit", "cursor", "columns", "start")
LIMIT = 100
DEFAULT_SORT: Mapping[Side, str] = {"narrow": "-hedging_score", "reference": "-density"}

ASCENDING_FIRST = frozenset({"index", "level", "diagnosis"})
"""Fields that a first click sorts upwards, since readers expect small values first."""


@dataclass(frozen=True)
class TableState:
    """The table's state, all of it from the URL, and the URLs of the states next to it."""

    slug: str
    params: Params
    side: Side
    sort: Sort

    @property
    def query(self) -> Pairs:
        """Side, order, filters and search: which latents, in which order."""
        return (("sae", self.side), ("sort", str(self.sort)), *self.params.filters, *self.params.kept("q"))

    @property
    def layout(self) -> Pairs:
        """How the table is shown."""
        return self.params.kept("limit", "columns")

    def with_filters(self, q: str, filters: Pairs) -> str:
        """The table with another search and other filters, from its first page."""
        order = (("sae", self.side), ("sort", str(self.sort)))
        search = (("q", q),) if q else ()
        return links.latents(self.slug, (*order, *filters, *search, *self.layout))

    def with_side(self, side: Side) -> str:
        """The other SAE's table, with the search, and with order and filters where its latents have those fields."""
        if side == self.side:
            return self.at(())
        order = (("sort", str(self.sort)),) if "sort" in self.params.own and self.sort.field in COMMON else ()
        filters = common_filters(self.params.filters)
        return links.latents(self.slug, (("sae", side), *order, *filters, *self.params.kept("q"), *self.layout))

    def with_sort(self, sort: Sort) -> str:
        """The table in another order, from its first page."""
        query = (("sae", self.side), ("sort", str(sort)), *self.params.filters, *self.params.kept("q"))
        return links.latents(self.slug, (*query, *self.layout))

    def at(self, place: Pairs) -> str:
        """The page at a place; the first for none."""
        return links.latents(self.slug, (*self.query, *self.layout, *place))


@page(router, "/c/{slug}/latents")
def latents(request: Request, engine: EngineDep, settings: SettingsDep, slug: str) -> Response:
    """The table of latents."""
    return comparison_page(request, engine, slug, "latents.html", lambda visit: build(visit, settings.page_size_max))


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
    all_columns = params.choice("columns", "usual", ("usual", "all")) == "all"
    kept = (("sae", side), *params.kept("sort", "limit", "columns"), *other_filters(side, params.filters))
    return LatentsPage(
        frame=comparison_frame(
            visit,
            "Latents",
            f"The latents of {summary.name}, with every score.",
            api=links.with_query("/latents", (*state.query, *params.kept("limit", "cursor"))),
        ),
        summary=summary,
        sae=side,
        columns=tuple(_column(spec, state) for spec in _specs(side, all_columns)),
        all_columns=all_columns,
        columns_url=links.latents(
            visit.slug, (*state.query, *params.kept("limit"), *(() if all_columns else (("columns", "all"),)))
        ),
        items=found.items,
        total=found.total,
        place=place_in_words(found, show.number),
        q=params.own.get("q", ""),
        form=FilterForm(links.latents(visit.slug), filter_fields(summary, side, params.filters), kept),
        chips=all_chips(params.own.get("q", ""), params.filters, state.with_filters),
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
    return TableState(visit.slug, params, side, parse_sort(params.own.get("sort", DEFAULT_SORT[side])))


def latent_query(state: TableState, *, limit: int = LIMIT, cursor: str | None = None) -> LatentQuery:
    """The store's query of a state."""
    return LatentQuery(
        state.side, str(state.sort), state.params.parsed, state.params.own.get("q"), limit=limit, cursor=cursor
    )


def _specs(side: Side, all_columns: bool) -> Iterable[ScoreSpec]:
    if all_columns:
        return tuple(spec for spec in LATENT_SPECS if spec.name != "sae")
    return tuple(spec for spec in LATENT_SPECS if side in spec.table)


def _column(spec: ScoreSpec, state: TableState) -> Column:
    if not spec.sortable:
        return Column(spec, None, None)
    is_sorted = state.sort.field == spec.name
    descending = not state.sort.descending if is_sorted else spec.name not in ASCENDING_FIRST
    direction: Literal["ascending", "descending"] = "descending" if state.sort.descending else "ascending"
    return Column(spec, state.with_sort(Sort(spec.name, descending)), direction if is_sorted else None)


def _file(visit: Visit, ending: str, media_type: str, blocks: Blocks) -> Response:
    state = table_state(visit)
    name = f"{visit.slug}-{state.side}.{ending}"
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    if visit.request.method == "HEAD":
        return without_body(media_type, headers)
    rows = read.row_blocks(visit.engine, visit.slug, latent_query(state))
    return StreamingResponse(blocks(rows), media_type=media_type, headers=headers)

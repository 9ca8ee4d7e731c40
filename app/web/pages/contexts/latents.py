"""What `/c/{slug}/latents` shows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from app.catalogue import ScoreSpec
from app.records import (
    ComparisonSummary,
    LatentScores,
    Side,
)
from app.web.pages.contexts.common import Facet, FilterChip, FilterForm, Frame
from app.web.shared.latents import PartnerRow


@dataclass(frozen=True)
class Column:
    """A column of the latents table.

    Attributes:
        sort_url: the table sorted by it alone (descending first; again: the other way); None where it can't be.
        then_url: the table sorted by it among ties of what it is sorted by now; None where that changes nothing.
        sorted: how the table is sorted by it now, and `rank`: as which key, from 1; 0 where it is not.
    """

    spec: ScoreSpec
    sort_url: str | None
    then_url: str | None
    sorted: Literal["ascending", "descending"] | None
    rank: int


@dataclass(frozen=True)
class ColumnChoice:
    """A field that the table can show, and whether it does."""

    name: str
    title: str
    chosen: bool


@dataclass(frozen=True)
class LatentsPage:
    """The table of one SAE's latents.

    Attributes:
        total: latents that pass the filters; None where not counted. `place`: which of them the page has, in words.
        first_url, previous_url: the first page and the one before; None on the first. `next_url`: None on the last.
        clear_url: the table without search and filters.
        choices: all fields; `columns_form` keeps the rest of the state.
        columns_url: the same with all columns, or with the usual ones again.
        partners: index -> main partner and the first named ones, where such a column is shown.
        latent_query: parameters that a latent's page takes to lead through the same order.
    """

    frame: Frame
    summary: ComparisonSummary
    sae: Side
    columns: tuple[Column, ...]
    choices: tuple[ColumnChoice, ...]
    columns_form: FilterForm
    all_columns: bool
    columns_url: str
    items: tuple[LatentScores, ...]
    partners: Mapping[int, tuple[PartnerRow, ...]]
    total: int | None
    place: str
    q: str
    form: FilterForm
    chips: tuple[FilterChip, ...]
    facets: tuple[Facet, ...]
    side_urls: Mapping[Side, str]
    clear_url: str
    first_url: str | None
    previous_url: str | None
    next_url: str | None
    plot_url: str
    csv_url: str
    ndjson_url: str
    latent_query: tuple[tuple[str, str], ...]

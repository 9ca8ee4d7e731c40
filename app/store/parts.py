"""What belongs to a comparison: for each table the columns that are written, and a record as their values."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import astuple, dataclass
from typing import Any

from sqlalchemy import Table

from app.records import FiringCells, LatentDetail, LevelLink, PairDetail, PairProfile, TextRow
from app.store import tables
from app.store.bulk import Columns, Values
from app.store.payloads import compress, pack_profile, to_json
from app.store.rows import LATENT_STORED, PARTNER_COLUMNS, latent_values, partner_values
from app.store.validate import check_storable

SCALARS_CHUNK = 5000
PAYLOADS_CHUNK = 200
"""Rows a transaction: a latent's detail takes some 10 kB, so both stay in the megabytes."""


@dataclass(frozen=True)
class Part:
    """A table of a comparison's rows.

    Attributes:
        field: of `ComparisonBundle`, whose records it holds.
        columns: those that are written, without the comparison's key.
        values: a record as values of `columns`.
        chunk: rows that are written in one transaction.
    """

    field: str
    columns: Columns
    values: Callable[[Any], Values]
    chunk: int = PAYLOADS_CHUNK

    @property
    def table(self) -> Table:
        """The table itself."""
        table = self.columns[0].table
        assert isinstance(table, Table)
        return table

    def rows(self, records: Sequence[Any]) -> list[Values]:
        """Values of several records."""
        return list(map(self.values, records))

    @property
    def all_columns(self) -> Columns:
        """`columns` with the comparison's key in front."""
        return (self.table.c.comparison_id, *self.columns)


def _columns(table: Table) -> Columns:
    return tuple(column for column in table.columns if column.name != "comparison_id")


def _detail_values(detail: LatentDetail) -> Values:
    return detail.sae, detail.index, compress(detail)


def _pair_values(pair: PairDetail) -> Values:
    return pair.narrow_index, pair.reference_index, compress(pair)


def _profile_values(profile: PairProfile) -> Values:
    return profile.narrow_index, pack_profile(profile)


def _cells_values(cells: FiringCells) -> Values:
    return cells.narrow_index, compress(cells)


def _link_values(link: LevelLink) -> Values:
    check_storable(link)
    return astuple(link)


def _text_values(row: TextRow) -> Values:
    return row.row, to_json(row)


PARTS = (
    Part("latents", LATENT_STORED, latent_values, SCALARS_CHUNK),
    Part("partners", PARTNER_COLUMNS, partner_values, SCALARS_CHUNK),
    Part("details", _columns(tables.latent_details), _detail_values),
    Part("pairs", _columns(tables.pair_details), _pair_values),
    Part("profiles", _columns(tables.pair_profiles), _profile_values),
    Part("cells", _columns(tables.firing_cells), _cells_values),
    Part("text_rows", _columns(tables.text_rows), _text_values),
    Part("level_links", _columns(tables.level_links), _link_values, SCALARS_CHUNK),
)

"""What makes reading quick: counts that are kept, and the search in labels."""

from __future__ import annotations

from typing import Final

from sqlalchemy import Column, Integer, String, Table
from sqlalchemy import table as light_table
from sqlalchemy.sql import column as light_column

from app.store.tables.base import comparison_key, key, metadata

latent_counts = Table(
    "latent_counts",
    metadata,
    comparison_key(),
    key("side", String),
    key("field", String),
    key("value", String),
    Column("n", Integer, nullable=False),
)
"""Latents of one side by the values of a field; under the field `""`, all of them."""

COUNTED: Final = ("level", "diagnosis")
"""Fields whose counts are kept."""

SEARCH_TABLE: Final = "label_search"

label_search = light_table(SEARCH_TABLE, light_column("rowid", Integer), light_column("label", String))
"""SQLite's index of all trigrams of `latents.label_folded`, kept in step by triggers. Only SQLite has it, so the
migration makes it; PostgreSQL has an index on the column itself, where its server offers `pg_trgm`."""


def search_rows(comparison_id: int, side: str) -> int:
    """Number of the row of `label_search` of a side's latent 0; the others follow."""
    return (comparison_id << 32) | (1 << 31 if side == "reference" else 0)

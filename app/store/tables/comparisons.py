"""SAEs, comparisons, and everything that is stored of a comparison."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Double,
    Index,
    Integer,
    LargeBinary,
    String,
    Table,
    Text,
)

from app.catalogue import LATENT_SPECS, Kind, ScoreSpec
from app.store.tables.base import UtcDateTime, comparison_key, key, metadata

saes = Table(
    "saes",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("name", Text, nullable=False, unique=True),
    Column("checksum", Text, nullable=False, index=True),
    Column("record", Text, nullable=False),
)


comparisons = Table(
    "comparisons",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("slug", Text, nullable=False, unique=True),
    Column("name", Text, nullable=False, index=True),
    Column("content_hash", Text, nullable=False),
    Column("created_at", UtcDateTime, nullable=False, index=True),
    Column("summary", Text, nullable=False),
    # Null once the comparison is visible; while rows are being added or removed, the time and owner of the last step.
    Column("staged_at", UtcDateTime),
    Column("staged_by", Text),
)


published = comparisons.c.staged_at.is_(None)
"""Condition of every query that shows comparisons."""


TYPES: Mapping[Kind, type[Integer | Double[float] | Boolean | Text]] = {
    "integer": Integer,
    "number": Double,
    "flag": Boolean,
    "text": Text,
}


def latent_value(spec: ScoreSpec) -> Column[Any]:
    """The column of a number in the catalogue. A count of tokens may pass what 32 bits hold."""
    kind = BigInteger if spec.unit == "tokens" else TYPES[spec.kind]
    return Column(spec.name, kind, nullable=bool(spec.undefined))


latents = Table(
    "latents",
    metadata,
    comparison_key(),
    key("side", String),
    key("latent_index"),
    *(latent_value(spec) for spec in LATENT_SPECS if spec.name not in ("index", "sae")),
    Column("label_folded", Text, nullable=False),
    Column("reasons", Text, nullable=False),
)


def latent_column(field: str) -> Column[Any]:
    """The column of `latents` that holds a field of `LatentScores`; `index` is a reserved word in SQL."""
    return latents.c[{"index": "latent_index", "sae": "side"}.get(field, field)]


def _index_sorts() -> None:
    """Two indexes for each field that can be sorted by, one per direction.

    Ties are in ascending order of the latent's index in both directions, so one index read backwards will not do.
    The primary key serves the field `index` itself.
    """
    for name in (spec.name for spec in LATENT_SPECS if spec.sortable and spec.name != "index"):
        column = latent_column(name)
        key = (latents.c.comparison_id, latents.c.side)
        Index(f"ix_latents_{name}_up", *key, column, latents.c.latent_index)
        Index(f"ix_latents_{name}_down", *key, column.desc(), latents.c.latent_index)


_index_sorts()


latent_details = Table(
    "latent_details",
    metadata,
    comparison_key(),
    key("side", String),
    key("latent_index"),
    Column("payload", LargeBinary, nullable=False),
)


partners = Table(
    "partners",
    metadata,
    comparison_key(),
    key("narrow_index"),
    key("reference_index"),
    Column("partner_rank", Integer, nullable=False),
    Column("level", Integer, nullable=False),
    Column("decoder_cosine", Double, nullable=False),
    Column("weight", Double, nullable=False),
    Column("share", Double, nullable=False),
    Column("activation_share", Double),
    Column("n_both", BigInteger, nullable=False),
    Column("n_narrow", BigInteger, nullable=False),
    Column("n_reference", BigInteger, nullable=False),
    Column("jaccard", Double),
    Column("jaccard_low", Double),
    Column("jaccard_high", Double),
    Column("p_j_given_i", Double),
    Column("p_j_given_i_low", Double),
    Column("p_j_given_i_high", Double),
    Column("p_i_given_j", Double),
    Column("lift", Double),
    Column("phi", Double),
    Column("z", Double),
    Column("mixed_mass", Double),
    Column("mixed_mass_low", Double),
    Column("mixed_mass_high", Double),
    Column("composition_mass", Double),
    Column("residual_mass", Double),
    Column("q_value", Double),
    Column("p_i_given_j_own_silent", Double),
    Column("n_own_silent", BigInteger),
    Column("diagnosis", Text, nullable=False),
    Index("ix_partners_reference", "comparison_id", "reference_index", "narrow_index"),
)


def partner_column(field: str) -> Column[Any]:
    """The column of `partners` that holds a field of `Partner`; `rank` is a function in SQL."""
    return partners.c[{"index": "reference_index", "rank": "partner_rank"}.get(field, field)]


pair_details = Table(
    "pair_details",
    metadata,
    comparison_key(),
    key("narrow_index"),
    key("reference_index"),
    Column("payload", LargeBinary, nullable=False),
)


pair_profiles = Table(
    "pair_profiles",
    metadata,
    comparison_key(),
    key("narrow_index"),
    Column("payload", LargeBinary, nullable=False),
)


firing_cells = Table(
    "firing_cells",
    metadata,
    comparison_key(),
    key("narrow_index"),
    Column("payload", LargeBinary, nullable=False),
)
level_links = Table(
    "level_links",
    metadata,
    comparison_key(),
    key("side", String),
    key("child_index"),
    key("parent_index"),
    Column("link_rank", Integer, nullable=False),
    Column("child_level", Integer, nullable=False),
    Column("parent_level", Integer, nullable=False),
    Column("n_both", BigInteger, nullable=False),
    Column("n_child", BigInteger, nullable=False),
    Column("n_parent", BigInteger, nullable=False),
    Column("p_parent_given_child", Double, nullable=False),
    Column("p_child_given_parent", Double, nullable=False),
    Column("decoder_cosine", Double, nullable=False),
    Column("explained", Double, nullable=False),
    Index("ix_level_links_parent", "comparison_id", "side", "parent_index", "child_index"),
    Index("ix_level_links_levels", "comparison_id", "side", "parent_level", "child_level", "p_child_given_parent"),
)
"""Parents and children between the Matryoshka levels of one SAE."""


text_rows = Table(
    "text_rows",
    metadata,
    comparison_key(),
    key("text_row"),
    Column("payload", Text, nullable=False),
)

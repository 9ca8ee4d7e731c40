"""SAEs, comparisons, and everything that is stored of a comparison."""

from __future__ import annotations

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

from app.catalogue import LATENT_SPECS
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


latents = Table(
    "latents",
    metadata,
    comparison_key(),
    key("side", String),
    key("latent_index"),
    Column("level", Integer, nullable=False),
    Column("label", Text, nullable=False),
    Column("label_folded", Text, nullable=False),
    Column("n_firings", BigInteger, nullable=False),
    Column("density", Double, nullable=False),
    Column("max_activation", Double),
    Column("mean_activation", Double),
    Column("hedging_score", Double),
    Column("hedging_score_low", Double),
    Column("hedging_score_high", Double),
    Column("typical_hedging", Double),
    Column("refit_hedging", Double),
    Column("decoder_hedging", Double),
    Column("activation_hedging", Double),
    Column("decomposition_residual", Double),
    Column("max_decoder_cosine", Double),
    Column("max_decoder_cosine_percentile", Double),
    Column("max_decoder_cosine_data_percentile", Double),
    Column("max_decoder_cosine_index", Integer),
    Column("mutual_best", Boolean),
    Column("max_jaccard", Double),
    Column("max_jaccard_index", Integer),
    Column("c_dec", Double),
    Column("main_partner", Integer),
    Column("n_hedged_partners", Integer),
    Column("absorbed_by", Integer),
    Column("diagnosis", Text),
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


text_rows = Table(
    "text_rows",
    metadata,
    comparison_key(),
    key("text_row"),
    Column("payload", Text, nullable=False),
)

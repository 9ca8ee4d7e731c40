"""What is measured on a stored comparison or SAE: hedging degrees and interventions."""

from __future__ import annotations

from sqlalchemy import (
    Boolean,
    Column,
    Double,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    Table,
    Text,
)

from app.store.tables.base import comparison_key, key, metadata

degrees = Table(
    "degrees",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("parent_checksum", Text, nullable=False),
    Column("n_latents", Integer, nullable=False),
    Column("content_hash", Text, nullable=False, unique=True),
    Column("payload", LargeBinary, nullable=False),
    Index("ix_degrees_parent_checksum_n_latents", "parent_checksum", "n_latents"),
)


interventions = Table(
    "interventions",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("comparison_id", Integer, ForeignKey("comparisons.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("content_hash", Text, nullable=False, unique=True),
    Column("payload", LargeBinary, nullable=False),
    # Numbers are not given twice, so that an old link never leads to another intervention.
    sqlite_autoincrement=True,
)


def _intervention_key() -> Column[int]:
    return Column("intervention_id", Integer, ForeignKey("interventions.id", ondelete="CASCADE"), primary_key=True)


releases = Table(
    "releases",
    metadata,
    comparison_key(),
    _intervention_key(),
    key("narrow_index"),
    key("reference_index"),
    Column("named", Boolean, nullable=False),
    Column("mass", Double, nullable=False),
    Column("decoder_cosine", Double, nullable=False),
    Column("release", Double, nullable=False),
    Column("release_se", Double),
    Column("release_low", Double),
    Column("release_high", Double),
    Column("fall_added", Double, nullable=False),
    Column("fall_not_added", Double, nullable=False),
    Column("control_fall", Double, nullable=False),
    Index("ix_releases_pair", "comparison_id", "narrow_index", "reference_index"),
    Index("ix_releases_reference", "comparison_id", "reference_index", "narrow_index"),
)


latent_releases = Table(
    "latent_releases",
    metadata,
    comparison_key(),
    _intervention_key(),
    key("latent_index"),
    Column("mass", Double, nullable=False),
    Column("summed", Double, nullable=False),
    Column("summed_se", Double),
    Column("moved", Double),
    Column("control_moved", Double, nullable=False),
)


INTERVENTION_TABLES = (releases, latent_releases, interventions)
"""What an intervention leaves in the database, each row with its comparison's key; the ones that refer come first."""

"""The schema, as SQLAlchemy Core tables. A change here needs a migration; a test compares the two.

Text columns that hold JSON: `saes.record`, `comparisons.summary`, `latents.reasons` (field -> why it is null) and
`text_rows.payload`. Binary `payload` columns: see `payloads.py`.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    DateTime,
    Dialect,
    Double,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    TypeDecorator,
)

from app.catalogue import LATENT_SPECS

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)


class UtcDateTime(TypeDecorator[datetime]):
    """A moment, kept in UTC. SQLite has no time zones, so the zone is put back on reading."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, _dialect: Dialect) -> datetime | None:
        """To UTC; a time without a zone is refused, since it is ambiguous."""
        if value is not None and value.tzinfo is None:
            raise ValueError(f"{value.isoformat()} has no time zone")
        return value if value is None else value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, _dialect: Dialect) -> datetime | None:
        """In UTC."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def _comparison_key() -> Column[int]:
    return Column("comparison_id", Integer, ForeignKey("comparisons.id", ondelete="CASCADE"), primary_key=True)


def _key(name: str, type_: type[Integer | String] = Integer) -> Column[Any]:
    return Column(name, type_, primary_key=True, autoincrement=False)


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
    _comparison_key(),
    _key("side", String),
    _key("latent_index"),
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
    _comparison_key(),
    _key("side", String),
    _key("latent_index"),
    Column("payload", LargeBinary, nullable=False),
)

partners = Table(
    "partners",
    metadata,
    _comparison_key(),
    _key("narrow_index"),
    _key("reference_index"),
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
    _comparison_key(),
    _key("narrow_index"),
    _key("reference_index"),
    Column("payload", LargeBinary, nullable=False),
)

pair_profiles = Table(
    "pair_profiles",
    metadata,
    _comparison_key(),
    _key("narrow_index"),
    Column("payload", LargeBinary, nullable=False),
)

text_rows = Table(
    "text_rows",
    metadata,
    _comparison_key(),
    _key("text_row"),
    Column("payload", Text, nullable=False),
)

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
    _comparison_key(),
    _intervention_key(),
    _key("narrow_index"),
    _key("reference_index"),
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
    _comparison_key(),
    _intervention_key(),
    _key("latent_index"),
    Column("mass", Double, nullable=False),
    Column("summed", Double, nullable=False),
    Column("summed_se", Double),
    Column("moved", Double),
    Column("control_moved", Double, nullable=False),
)

INTERVENTION_TABLES = (releases, latent_releases, interventions)
"""What an intervention leaves in the database, each row with its comparison's key; the ones that refer come first."""

jobs = Table(
    "jobs",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("request", Text, nullable=False),
    Column("state", Text, nullable=False, index=True),
    Column("phase", Text, nullable=False),
    Column("stage", Text),
    Column("done", BigInteger, nullable=False),
    Column("total", BigInteger),
    Column("unit", Text),
    Column("rate", Double),
    Column("seconds_left", Double),
    Column("error", Text),
    Column("result", Text),
    Column("content_hash", Text),
    # The number of the newest lease of any of its steps.
    Column("fence", BigInteger, nullable=False),
    # Leases in a row that ran out without a step completed in between.
    Column("deaths", Integer, nullable=False),
    Column("version", BigInteger, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("started_at", UtcDateTime),
    Column("finished_at", UtcDateTime),
    # Numbers are not given twice, so that an old link never leads to another job.
    sqlite_autoincrement=True,
)

job_steps = Table(
    "job_steps",
    metadata,
    Column("job_id", Integer, ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True),
    _key("number"),
    Column("phase", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("start_row", Integer, nullable=False),
    Column("stop_row", Integer, nullable=False),
    Column("n_tokens", BigInteger, nullable=False),
    Column("owner", Text),
    Column("fence", BigInteger, nullable=False),
    # Seconds since 1970 by the database's clock, which all workers share.
    Column("expires", Double),
    Column("claimed", Double),
    Column("completed", Double),
    Index("ix_job_steps_open", "job_id", "phase", "state", "number"),
    Index("ix_job_steps_completed", "job_id", "completed"),
)
"""Steps of jobs and who holds them: a plan (number -2), shards (0, 1, …) and a finish (-1)."""

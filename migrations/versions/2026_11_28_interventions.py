"""Randomised interventions: what they measured, per pair and per latent."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "2026_11_28_interventions"
down_revision = "2026_11_25_evidence"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add tables of interventions, of their pairs and of their latents."""
    op.create_table(
        "interventions",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("comparison_id", sa.Integer(), nullable=False),
        sa.Column("content_hash", sa.Text(), nullable=False),
        sa.Column("payload", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_interventions"),
        sa.UniqueConstraint("content_hash", name="uq_interventions_content_hash"),
        _belongs_to("interventions", "comparison_id", "comparisons"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_interventions_comparison_id", "interventions", ["comparison_id"])
    op.create_table(
        "releases",
        *_keys("narrow_index", "reference_index"),
        sa.Column("named", sa.Boolean(), nullable=False),
        *_numbers("mass", "decoder_cosine", "release"),
        *_numbers("release_se", "release_low", "release_high", nullable=True),
        *_numbers("fall_added", "fall_not_added", "control_fall"),
        sa.PrimaryKeyConstraint(
            "comparison_id", "intervention_id", "narrow_index", "reference_index", name="pk_releases"
        ),
        _belongs_to("releases", "comparison_id", "comparisons"),
        _belongs_to("releases", "intervention_id", "interventions"),
    )
    op.create_index("ix_releases_pair", "releases", ["comparison_id", "narrow_index", "reference_index"])
    op.create_index("ix_releases_reference", "releases", ["comparison_id", "reference_index", "narrow_index"])
    op.create_table(
        "latent_releases",
        *_keys("latent_index"),
        *_numbers("mass", "summed"),
        *_numbers("summed_se", "moved", nullable=True),
        *_numbers("control_moved"),
        sa.PrimaryKeyConstraint("comparison_id", "intervention_id", "latent_index", name="pk_latent_releases"),
        _belongs_to("latent_releases", "comparison_id", "comparisons"),
        _belongs_to("latent_releases", "intervention_id", "interventions"),
    )


def _keys(*names: str) -> list[sa.Column[int]]:
    columns = ("comparison_id", "intervention_id", *names)
    return [sa.Column(name, sa.Integer(), autoincrement=False, nullable=False) for name in columns]


def _numbers(*names: str, nullable: bool = False) -> list[sa.Column[float]]:
    return [sa.Column(name, sa.Double(), nullable=nullable) for name in names]


def _belongs_to(table: str, column: str, other: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint([column], [f"{other}.id"], name=f"fk_{table}_{column}_{other}", ondelete="CASCADE")


def downgrade() -> None:
    """Remove them, with what they hold."""
    for table in ("latent_releases", "releases", "interventions"):
        op.drop_table(table)

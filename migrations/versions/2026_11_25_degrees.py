"""Hedging degrees, kept by the checksum of the SAE they were measured on."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "2026_11_25_degrees"
down_revision = "2026_11_25_jobs"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the table of hedging degrees."""
    op.create_table(
        "degrees",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("parent_checksum", sa.Text(), nullable=False),
        sa.Column("n_latents", sa.Integer(), nullable=False),
        sa.Column("content_hash", sa.Text(), nullable=False),
        sa.Column("payload", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_degrees"),
        sa.UniqueConstraint("content_hash", name="uq_degrees_content_hash"),
    )
    op.create_index("ix_degrees_parent_checksum_n_latents", "degrees", ["parent_checksum", "n_latents"])


def downgrade() -> None:
    """Drop it."""
    op.drop_table("degrees")

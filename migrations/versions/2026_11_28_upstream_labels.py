"""Labels of latents that other programs made."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "2026_11_28_upstream_labels"
down_revision = "2026_11_28_tree_links"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the table."""
    op.create_table(
        "labels",
        sa.Column("sae_checksum", sa.Text(), nullable=False),
        sa.Column("latent_index", sa.Integer(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("place", sa.Integer(), nullable=False),
        sa.Column("label", sa.Text(), nullable=False),
        sa.Column("made_by", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("sae_checksum", "latent_index", "source", "place", name="pk_labels"),
    )


def downgrade() -> None:
    """Remove it."""
    op.drop_table("labels")

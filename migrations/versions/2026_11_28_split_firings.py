"""How narrow latents fire with their partners."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "2026_11_28_split_firings"
down_revision = "2026_11_28_scoring"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the table. Comparisons that are stored already have no rows in it, and their pages say so."""
    op.create_table(
        "firing_cells",
        sa.Column("comparison_id", sa.Integer(), nullable=False),
        sa.Column("narrow_index", sa.Integer(), nullable=False),
        sa.Column("payload", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("comparison_id", "narrow_index", name="pk_firing_cells"),
        sa.ForeignKeyConstraint(
            ["comparison_id"], ["comparisons.id"], name="fk_firing_cells_comparison_id_comparisons", ondelete="CASCADE"
        ),
    )


def downgrade() -> None:
    """Remove it."""
    op.drop_table("firing_cells")

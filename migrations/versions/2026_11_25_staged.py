"""Comparisons are written in steps, and seen after the last."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "2026_11_25_staged"
down_revision = "2026_11_23_initial"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns."""
    op.add_column("comparisons", sa.Column("staged_at", sa.DateTime(timezone=True)))
    op.add_column("comparisons", sa.Column("staged_by", sa.Text()))


def downgrade() -> None:
    """Drop the columns, and the comparisons that are not written to the end."""
    op.execute("DELETE FROM comparisons WHERE staged_at IS NOT NULL")
    op.drop_column("comparisons", "staged_by")
    op.drop_column("comparisons", "staged_at")

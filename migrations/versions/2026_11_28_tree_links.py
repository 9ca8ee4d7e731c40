"""Parents and children between the Matryoshka levels of one SAE."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "2026_11_28_tree_links"
down_revision = "2026_11_28_split_firings"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the table of links; comparisons stored before have none."""
    op.create_table(
        "level_links",
        sa.Column("comparison_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("side", sa.String(), autoincrement=False, nullable=False),
        sa.Column("child_index", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("parent_index", sa.Integer(), autoincrement=False, nullable=False),
        *(sa.Column(name, sa.Integer(), nullable=False) for name in ("link_rank", "child_level", "parent_level")),
        *(sa.Column(name, sa.BigInteger(), nullable=False) for name in ("n_both", "n_child", "n_parent")),
        *(
            sa.Column(name, sa.Double(), nullable=False)
            for name in ("p_parent_given_child", "p_child_given_parent", "decoder_cosine", "explained")
        ),
        sa.PrimaryKeyConstraint("comparison_id", "side", "child_index", "parent_index", name="pk_level_links"),
        sa.ForeignKeyConstraint(
            ["comparison_id"],
            ["comparisons.id"],
            name="fk_level_links_comparison_id_comparisons",
            ondelete="CASCADE",
        ),
    )
    key = ["comparison_id", "side"]
    op.create_index("ix_level_links_parent", "level_links", [*key, "parent_index", "child_index"])
    levels = ["parent_level", "child_level", "p_child_given_parent"]
    op.create_index("ix_level_links_levels", "level_links", [*key, *levels])


def downgrade() -> None:
    """Drop it."""
    op.drop_table("level_links")

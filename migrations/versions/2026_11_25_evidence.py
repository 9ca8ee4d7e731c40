"""Typical and refit hedging, the second null of the cosine, and what absorbs a latent."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "2026_11_25_evidence"
down_revision = "2026_11_25_degrees"
branch_labels = None
depends_on = None

SORTS = ("typical_hedging", "refit_hedging", "max_decoder_cosine_data_percentile")


def upgrade() -> None:
    """Add the columns, and an index for each way to sort by them."""
    for name in SORTS:
        op.add_column("latents", sa.Column(name, sa.Double()))
        key = ["comparison_id", "side"]
        op.create_index(f"ix_latents_{name}_up", "latents", [*key, name, "latent_index"])
        op.create_index(f"ix_latents_{name}_down", "latents", [*key, sa.text(f"{name} DESC"), "latent_index"])
    op.add_column("latents", sa.Column("absorbed_by", sa.Integer()))


def downgrade() -> None:
    """Drop them."""
    op.drop_column("latents", "absorbed_by")
    for name in SORTS:
        op.drop_index(f"ix_latents_{name}_down", "latents")
        op.drop_index(f"ix_latents_{name}_up", "latents")
        op.drop_column("latents", name)

"""Mixed masses of partners and the chance level of latents, in the place of typical and refit hedging."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "2026_11_28_scoring"
down_revision = "2026_11_28_reading"
branch_labels = None
depends_on = None

ADDED, DROPPED = ("hedging_chance", "merged_mass"), ("typical_hedging", "refit_hedging")
MASSES = ("mixed_mass", "mixed_mass_low", "mixed_mass_high", "composition_mass", "residual_mass")
OF_PARTNERS = (*MASSES, "q_value", "p_i_given_j_own_silent")


def upgrade() -> None:
    """Replace the latents' columns, with an index for each way to sort by them; add those of partners."""
    _replace(DROPPED, ADDED)
    for name in OF_PARTNERS:
        op.add_column("partners", sa.Column(name, sa.Double()))
    op.add_column("partners", sa.Column("n_own_silent", sa.BigInteger()))


def downgrade() -> None:
    """The columns as they were, empty."""
    for name in (*OF_PARTNERS, "n_own_silent"):
        op.drop_column("partners", name)
    _replace(ADDED, DROPPED)


def _replace(old: tuple[str, ...], new: tuple[str, ...]) -> None:
    for name in old:
        op.drop_index(f"ix_latents_{name}_down", "latents")
        op.drop_index(f"ix_latents_{name}_up", "latents")
        op.drop_column("latents", name)
    for name in new:
        op.add_column("latents", sa.Column(name, sa.Double()))
        key = ["comparison_id", "side"]
        op.create_index(f"ix_latents_{name}_up", "latents", [*key, name, "latent_index"])
        op.create_index(f"ix_latents_{name}_down", "latents", [*key, sa.text(f"{name} DESC"), "latent_index"])

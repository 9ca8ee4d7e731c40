"""SAEs; comparisons with their latents, partners, pairs and text."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "2026_11_23_initial"
down_revision = None
branch_labels = None
depends_on = None

TABLES = (
    "saes",
    "comparisons",
    "latents",
    "latent_details",
    "partners",
    "pair_details",
    "pair_profiles",
    "text_rows",
)
SORTS = (
    "level",
    "hedging_score",
    "hedging_score_low",
    "hedging_score_high",
    "decoder_hedging",
    "activation_hedging",
    "decomposition_residual",
    "max_decoder_cosine",
    "max_decoder_cosine_percentile",
    "max_jaccard",
    "c_dec",
    "n_hedged_partners",
    "diagnosis",
    "n_firings",
    "density",
    "max_activation",
    "mean_activation",
)


def upgrade() -> None:
    """All tables of the first release."""
    create_saes()
    create_comparisons()
    create_latents()
    create_partners()
    create_payloads()


def downgrade() -> None:
    """An empty database."""
    for table in reversed(TABLES):
        op.drop_table(table)


def create_saes() -> None:
    """Registered SAEs."""
    op.create_table(
        "saes",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("checksum", sa.Text(), nullable=False),
        sa.Column("record", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_saes"),
        sa.UniqueConstraint("name", name="uq_saes_name"),
    )
    op.create_index("ix_saes_checksum", "saes", ["checksum"])


def create_comparisons() -> None:
    """Comparisons, each with its summary."""
    op.create_table(
        "comparisons",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("slug", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("content_hash", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("summary", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_comparisons"),
        sa.UniqueConstraint("slug", name="uq_comparisons_slug"),
    )
    op.create_index("ix_comparisons_name", "comparisons", ["name"])
    op.create_index("ix_comparisons_created_at", "comparisons", ["created_at"])


def create_latents() -> None:
    """Latents with their scores, and an index for each way to sort them."""
    create_owned(
        "latents",
        ("side", "latent_index"),
        sa.Column("level", sa.Integer(), nullable=False),
        sa.Column("label", sa.Text(), nullable=False),
        sa.Column("label_folded", sa.Text(), nullable=False),
        sa.Column("n_firings", sa.BigInteger(), nullable=False),
        sa.Column("density", sa.Double(), nullable=False),
        sa.Column("max_activation", sa.Double()),
        sa.Column("mean_activation", sa.Double()),
        sa.Column("hedging_score", sa.Double()),
        sa.Column("hedging_score_low", sa.Double()),
        sa.Column("hedging_score_high", sa.Double()),
        sa.Column("decoder_hedging", sa.Double()),
        sa.Column("activation_hedging", sa.Double()),
        sa.Column("decomposition_residual", sa.Double()),
        sa.Column("max_decoder_cosine", sa.Double()),
        sa.Column("max_decoder_cosine_percentile", sa.Double()),
        sa.Column("max_decoder_cosine_index", sa.Integer()),
        sa.Column("mutual_best", sa.Boolean()),
        sa.Column("max_jaccard", sa.Double()),
        sa.Column("max_jaccard_index", sa.Integer()),
        sa.Column("c_dec", sa.Double()),
        sa.Column("main_partner", sa.Integer()),
        sa.Column("n_hedged_partners", sa.Integer()),
        sa.Column("diagnosis", sa.Text()),
        sa.Column("reasons", sa.Text(), nullable=False),
    )
    for field in SORTS:
        key = ["comparison_id", "side"]
        op.create_index(f"ix_latents_{field}_up", "latents", [*key, field, "latent_index"])
        op.create_index(f"ix_latents_{field}_down", "latents", [*key, sa.text(f"{field} DESC"), "latent_index"])


def create_partners() -> None:
    """Partners of narrow latents."""
    create_owned(
        "partners",
        ("narrow_index", "reference_index"),
        sa.Column("partner_rank", sa.Integer(), nullable=False),
        sa.Column("level", sa.Integer(), nullable=False),
        sa.Column("decoder_cosine", sa.Double(), nullable=False),
        sa.Column("weight", sa.Double(), nullable=False),
        sa.Column("share", sa.Double(), nullable=False),
        sa.Column("activation_share", sa.Double()),
        sa.Column("n_both", sa.BigInteger(), nullable=False),
        sa.Column("n_narrow", sa.BigInteger(), nullable=False),
        sa.Column("n_reference", sa.BigInteger(), nullable=False),
        sa.Column("jaccard", sa.Double()),
        sa.Column("jaccard_low", sa.Double()),
        sa.Column("jaccard_high", sa.Double()),
        sa.Column("p_j_given_i", sa.Double()),
        sa.Column("p_j_given_i_low", sa.Double()),
        sa.Column("p_j_given_i_high", sa.Double()),
        sa.Column("p_i_given_j", sa.Double()),
        sa.Column("lift", sa.Double()),
        sa.Column("phi", sa.Double()),
        sa.Column("z", sa.Double()),
        sa.Column("diagnosis", sa.Text(), nullable=False),
    )
    op.create_index("ix_partners_reference", "partners", ["comparison_id", "reference_index", "narrow_index"])


def create_payloads() -> None:
    """What only single pages show, as blobs."""
    create_owned("latent_details", ("side", "latent_index"), sa.Column("payload", sa.LargeBinary(), nullable=False))
    pair = ("narrow_index", "reference_index")
    create_owned("pair_details", pair, sa.Column("payload", sa.LargeBinary(), nullable=False))
    create_owned("pair_profiles", ("narrow_index",), sa.Column("payload", sa.LargeBinary(), nullable=False))
    create_owned("text_rows", ("text_row",), sa.Column("payload", sa.Text(), nullable=False))


def create_owned(name: str, key: tuple[str, ...], *columns: sa.Column[object]) -> None:
    """A table whose rows belong to a comparison and go with it."""
    op.create_table(
        name,
        sa.Column("comparison_id", sa.Integer(), nullable=False),
        *(
            sa.Column(part, sa.String() if part == "side" else sa.Integer(), autoincrement=False, nullable=False)
            for part in key
        ),
        *columns,
        sa.ForeignKeyConstraint(
            ["comparison_id"], ["comparisons.id"], name=f"fk_{name}_comparison_id_comparisons", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("comparison_id", *key, name=f"pk_{name}"),
    )

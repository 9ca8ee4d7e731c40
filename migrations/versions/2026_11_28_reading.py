"""Counts and searches that need not read every latent; keys of the API."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "2026_11_28_reading"
down_revision = "2026_11_28_interventions"
branch_labels = None
depends_on = None

COUNTED = {"": "", "level": "CAST(level AS TEXT)", "diagnosis": "diagnosis"}

ROW = "({row}.comparison_id << 32) | (CASE {row}.side WHEN 'reference' THEN 1 << 31 ELSE 0 END) | {row}.latent_index"
"""Where a latent's label stands in the search index: a latent's own row number changes when the file is compacted."""


def upgrade() -> None:
    """Add the tables, and fill them from the latents there are."""
    op.create_table(
        "latent_counts",
        sa.Column("comparison_id", sa.Integer(), nullable=False),
        sa.Column("side", sa.String(), nullable=False),
        sa.Column("field", sa.String(), nullable=False),
        sa.Column("value", sa.String(), nullable=False),
        sa.Column("n", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("comparison_id", "side", "field", "value", name="pk_latent_counts"),
        sa.ForeignKeyConstraint(
            ["comparison_id"],
            ["comparisons.id"],
            name="fk_latent_counts_comparison_id_comparisons",
            ondelete="CASCADE",
        ),
    )
    for field, value in COUNTED.items():
        grouped = f"WHERE {value} IS NOT NULL GROUP BY comparison_id, side, {value}"
        # Names are the schema's own.
        op.execute(
            "INSERT INTO latent_counts (comparison_id, side, field, value, n) "  # noqa: S608
            f"SELECT comparison_id, side, '{field}', {value or chr(39) * 2}, count(*) FROM latents "
            f"{grouped if value else 'GROUP BY comparison_id, side'}"
        )
    op.create_table(
        "api_keys",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("public_id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("scopes", sa.Text(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("revoked_at", sa.DateTime(timezone=True)),
        sa.PrimaryKeyConstraint("id", name="pk_api_keys"),
        sa.UniqueConstraint("public_id", name="uq_api_keys_public_id"),
    )
    if op.get_bind().dialect.name == "sqlite":
        _search_on_sqlite()
    else:
        _search_on_postgresql()


def _search_on_sqlite() -> None:
    op.execute("CREATE VIRTUAL TABLE label_search USING fts5(label, tokenize = 'trigram case_sensitive 1')")
    op.execute(
        f"INSERT INTO label_search (rowid, label) SELECT {ROW.format(row='latents')}, label_folded FROM latents"  # noqa: S608
    )
    op.execute(
        "CREATE TRIGGER label_search_insert AFTER INSERT ON latents BEGIN "  # noqa: S608
        f"INSERT INTO label_search (rowid, label) VALUES ({ROW.format(row='new')}, new.label_folded); END"
    )
    op.execute(
        "CREATE TRIGGER label_search_delete AFTER DELETE ON latents BEGIN "  # noqa: S608
        f"DELETE FROM label_search WHERE rowid = {ROW.format(row='old')}; END"
    )


def _search_on_postgresql() -> None:
    """An index of trigrams, where the server has the extension and lets this user add it; else labels are read."""
    has_it = "SELECT count(*) FROM pg_available_extensions WHERE name = 'pg_trgm'"
    if not op.get_bind().exec_driver_sql(has_it).scalar():
        return
    try:
        with op.get_bind().begin_nested():
            op.execute("CREATE EXTENSION IF NOT EXISTS pg_trgm")
            op.execute("CREATE INDEX ix_latents_label_search ON latents USING gin (label_folded gin_trgm_ops)")
    except sa.exc.DBAPIError:
        op.get_bind().exec_driver_sql("SELECT 1")


def downgrade() -> None:
    """Remove them."""
    if op.get_bind().dialect.name == "sqlite":
        op.execute("DROP TRIGGER label_search_delete")
        op.execute("DROP TRIGGER label_search_insert")
        op.execute("DROP TABLE label_search")
    else:
        op.execute("DROP INDEX IF EXISTS ix_latents_label_search")
    op.drop_table("api_keys")
    op.drop_table("latent_counts")

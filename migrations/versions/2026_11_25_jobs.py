"""Jobs, and the steps that they are done in."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "2026_11_25_jobs"
down_revision = "2026_11_25_staged"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add both tables."""
    create_jobs()
    create_steps()


def downgrade() -> None:
    """Drop both tables."""
    op.drop_table("job_steps")
    op.drop_table("jobs")


def create_jobs() -> None:
    """Jobs, with what they are doing."""
    op.create_table(
        "jobs",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("request", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("phase", sa.Text(), nullable=False),
        sa.Column("stage", sa.Text()),
        sa.Column("done", sa.BigInteger(), nullable=False),
        sa.Column("total", sa.BigInteger()),
        sa.Column("unit", sa.Text()),
        sa.Column("rate", sa.Double()),
        sa.Column("seconds_left", sa.Double()),
        sa.Column("error", sa.Text()),
        sa.Column("result", sa.Text()),
        sa.Column("content_hash", sa.Text()),
        sa.Column("fence", sa.BigInteger(), nullable=False),
        sa.Column("deaths", sa.Integer(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True)),
        sa.Column("finished_at", sa.DateTime(timezone=True)),
        sa.PrimaryKeyConstraint("id", name="pk_jobs"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_jobs_state", "jobs", ["state"])


def create_steps() -> None:
    """Steps of jobs, with who holds them until when."""
    op.create_table(
        "job_steps",
        sa.Column("job_id", sa.Integer(), nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("phase", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("start_row", sa.Integer(), nullable=False),
        sa.Column("stop_row", sa.Integer(), nullable=False),
        sa.Column("n_tokens", sa.BigInteger(), nullable=False),
        sa.Column("owner", sa.Text()),
        sa.Column("fence", sa.BigInteger(), nullable=False),
        sa.Column("expires", sa.Double()),
        sa.Column("claimed", sa.Double()),
        sa.Column("completed", sa.Double()),
        sa.ForeignKeyConstraint(["job_id"], ["jobs.id"], name="fk_job_steps_job_id_jobs", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("job_id", "number", name="pk_job_steps"),
    )
    op.create_index("ix_job_steps_open", "job_steps", ["job_id", "phase", "state", "number"])
    op.create_index("ix_job_steps_completed", "job_steps", ["job_id", "completed"])

"""Jobs and their steps."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Column,
    Double,
    ForeignKey,
    Index,
    Integer,
    Table,
    Text,
)

from app.store.tables.base import UtcDateTime, key, metadata

jobs = Table(
    "jobs",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("request", Text, nullable=False),
    Column("state", Text, nullable=False, index=True),
    Column("phase", Text, nullable=False),
    Column("stage", Text),
    Column("done", BigInteger, nullable=False),
    Column("total", BigInteger),
    Column("unit", Text),
    Column("rate", Double),
    Column("seconds_left", Double),
    Column("error", Text),
    Column("result", Text),
    Column("content_hash", Text),
    # The number of the newest lease of any of its steps.
    Column("fence", BigInteger, nullable=False),
    # Leases in a row that ran out without a step completed in between.
    Column("deaths", Integer, nullable=False),
    Column("version", BigInteger, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("started_at", UtcDateTime),
    Column("finished_at", UtcDateTime),
    # Numbers are not given twice, so that an old link never leads to another job.
    sqlite_autoincrement=True,
)


job_steps = Table(
    "job_steps",
    metadata,
    Column("job_id", Integer, ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True),
    key("number"),
    Column("phase", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("start_row", Integer, nullable=False),
    Column("stop_row", Integer, nullable=False),
    Column("n_tokens", BigInteger, nullable=False),
    Column("owner", Text),
    Column("fence", BigInteger, nullable=False),
    # Seconds since 1970 by the database's clock, which all workers share.
    Column("expires", Double),
    Column("claimed", Double),
    Column("completed", Double),
    Index("ix_job_steps_open", "job_id", "phase", "state", "number"),
    Index("ix_job_steps_completed", "job_id", "completed"),
)
"""Steps of jobs and who holds them: a plan (number -2), shards (0, 1, …) and a finish (-1)."""

"""Keys of the API."""

from __future__ import annotations

from sqlalchemy import Column, Integer, Table, Text

from app.store.tables.base import UtcDateTime, metadata

api_keys = Table(
    "api_keys",
    metadata,
    Column("id", Integer, primary_key=True),
    # The part of a key that is shown in lists and logs.
    Column("public_id", Text, nullable=False, unique=True),
    Column("name", Text, nullable=False),
    # Separated by commas.
    Column("scopes", Text, nullable=False),
    # SHA-256 of the whole key, which is random: nothing slower is needed.
    Column("digest", Text, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("revoked_at", UtcDateTime),
)

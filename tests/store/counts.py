"""How many rows each table has."""

from __future__ import annotations

from sqlalchemy import Engine, func, select

from app.store.session import reading
from app.store.tables import metadata


def row_counts(engine: Engine) -> dict[str, int]:
    with reading(engine) as connection:
        return {
            name: connection.execute(select(func.count()).select_from(table)).scalar_one()
            for name, table in metadata.tables.items()
        }

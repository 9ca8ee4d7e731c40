"""SQLite's indexes of latents and partners, which are in the way when most of their rows are removed.

Each removed row is taken out of some forty indexes, at another page of each. Without the indexes removing a million
latents takes a hundredth of the time, and making the indexes of what is left takes less than what is saved. Meanwhile
lists are sorted without them: slower, but right.
"""

from __future__ import annotations

from sqlalchemy import Engine, Index, func, select

from app.store.session import reading, writing
from app.store.tables import latent_counts, latents, partners

FEW_ROWS = 20_000
"""Latents that are removed within seconds, with all indexes."""


def is_most(engine: Engine, comparison_id: int) -> bool:
    """Whether a comparison that was shown has many latents, and most of all that are stored."""
    counted = select(func.coalesce(func.sum(latent_counts.c.n), 0)).where(latent_counts.c.field == "")
    with reading(engine) as connection:
        everything = connection.execute(counted).scalar_one()
        own = connection.execute(counted.where(latent_counts.c.comparison_id == comparison_id)).scalar_one()
    return bool(own > FEW_ROWS and own > everything - own)


def drop_sort_indexes(engine: Engine) -> None:
    """Drop them, each in a transaction of its own."""
    for index in _indexes():
        with writing(engine) as connection:
            index.drop(connection, checkfirst=True)


def restore_sort_indexes(engine: Engine) -> None:
    """Make those that are missing, each in a transaction of its own."""
    with reading(engine) as connection:
        there = set(connection.exec_driver_sql("SELECT name FROM sqlite_master WHERE type = 'index'").scalars())
    for index in _indexes():
        if index.name not in there:
            with writing(engine) as connection:
                index.create(connection, checkfirst=True)


def _indexes() -> list[Index]:
    return [*latents.indexes, *partners.indexes]

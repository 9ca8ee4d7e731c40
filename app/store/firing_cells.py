"""How narrow latents fire with their partners, out of the database."""

from __future__ import annotations

from sqlalchemy import Engine, select

from app.records import FiringCells
from app.store import tables
from app.store.lookup import bounded, id_of, latent_exists, no_latent
from app.store.payloads import CELLS, expand
from app.store.session import reading


def get_cells(engine: Engine, slug: str, i: int) -> FiringCells | None:
    """Of narrow latent `i`; None where the comparison was stored before these were kept.

    Raises:
        NotFoundError: no such comparison or latent.
    """
    table = tables.firing_cells
    query = select(table.c.payload).where(table.c.comparison_id == id_of(slug), table.c.narrow_index == bounded(i))
    with reading(engine) as connection:
        payload = connection.execute(query).scalar()
        if payload is None:
            if connection.execute(latent_exists(slug, "narrow", i)).first() is None:
                raise no_latent(connection, slug, "narrow", i)
            return None
    return expand(CELLS, payload)

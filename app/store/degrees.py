"""Hedging degrees: kept by the checksum of the SAE they were measured on, so every comparison of it shows them."""

from __future__ import annotations

import hashlib
import json

from pydantic import TypeAdapter
from sqlalchemy import Engine, delete, insert, select

from app.records import DegreeRecord
from app.store.payloads import compress, expand
from app.store.session import reading, writing
from app.store.tables import degrees

DEGREE: TypeAdapter[DegreeRecord] = TypeAdapter(DegreeRecord)


def degree_hash(record: DegreeRecord) -> str:
    """SHA-256 of what decides the numbers: the pair's weights, and the baseline's draws."""
    parts = [record.control_checksum, record.extended_checksum, record.n_baselines, record.seed]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def write_degree(engine: Engine, record: DegreeRecord) -> None:
    """Store a degree; measured again on the same pair with the same draws, the newer one stays.

    Raises:
        StoreError: a field can't be stored (NaN, foreign type).
    """
    content_hash = degree_hash(record)
    values = {
        "parent_checksum": record.parent_checksum,
        "n_latents": record.n_latents,
        "content_hash": content_hash,
        "payload": compress(record),
    }
    with writing(engine) as connection:
        connection.execute(delete(degrees).where(degrees.c.content_hash == content_hash))
        connection.execute(insert(degrees).values(**values))


def degrees_of(engine: Engine, parent_checksum: str, n_latents: int) -> list[DegreeRecord]:
    """The degrees measured on an SAE, the one stored last first.

    Args:
        parent_checksum: of the SAE's weights.
        n_latents: of the SAE; a prefix has the whole SAE's checksum and other latents.
    """
    query = select(degrees.c.payload).where(
        degrees.c.parent_checksum == parent_checksum, degrees.c.n_latents == n_latents
    )
    with reading(engine) as connection:
        found = connection.execute(query.order_by(degrees.c.id.desc())).scalars().all()
    return [expand(DEGREE, payload) for payload in found]


def degrees_tag(engine: Engine, parent_checksum: str, n_latents: int) -> str:
    """Names the degrees that an SAE has: it changes when one is stored. Empty where there is none."""
    query = select(degrees.c.content_hash).where(
        degrees.c.parent_checksum == parent_checksum, degrees.c.n_latents == n_latents
    )
    with reading(engine) as connection:
        return " ".join(connection.execute(query.order_by(degrees.c.id.desc())).scalars())

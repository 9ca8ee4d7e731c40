"""Labels of other programs: kept by the checksum of the SAE's weights, so every comparison of it shows them."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence

from sqlalchemy import Engine, delete, func, insert, select

from app.records.label import OtherLabel
from app.store.rows import storable_text
from app.store.session import reading, writing
from app.store.tables import labels

CHUNK = 1000
MOST_SHOWN = 20
"""Labels of one latent."""


def write_labels(engine: Engine, sae_checksum: str, found: Sequence[OtherLabel]) -> None:
    """Store labels of an SAE; those it had from the same sources are replaced.

    Raises:
        StoreError: the database failed.
    """
    places: Counter[tuple[int, str]] = Counter()
    rows = []
    for each in found:
        place = places[each.index, each.source]
        places[each.index, each.source] += 1
        rows.append(
            {
                "sae_checksum": sae_checksum,
                "latent_index": each.index,
                "source": each.source,
                "place": place,
                "label": storable_text(each.label),
                "made_by": None if each.made_by is None else storable_text(each.made_by),
            }
        )
    sources = sorted({each.source for each in found})
    with writing(engine) as connection:
        own = labels.c.sae_checksum == sae_checksum, labels.c.source.in_(sources)
        connection.execute(delete(labels).where(*own))
        for start in range(0, len(rows), CHUNK):
            connection.execute(insert(labels), rows[start : start + CHUNK])


def remove_labels(engine: Engine, sae_checksum: str) -> int:
    """Remove all labels of an SAE; how many there were."""
    with writing(engine) as connection:
        return int(connection.execute(delete(labels).where(labels.c.sae_checksum == sae_checksum)).rowcount)


def labels_of(engine: Engine, sae_checksum: str, index: int) -> tuple[OtherLabel, ...]:
    """What other programs call a latent, in the order of their files."""
    columns = labels.c.latent_index, labels.c.source, labels.c.label, labels.c.made_by
    query = select(*columns).where(labels.c.sae_checksum == sae_checksum, labels.c.latent_index == index)
    with reading(engine) as connection:
        found = connection.execute(query.order_by(labels.c.source, labels.c.place).limit(MOST_SHOWN)).all()
    return tuple(OtherLabel(*row) for row in found)


def labels_tag(engine: Engine, sae_checksum: str, index: int) -> str:
    """Names the labels that a latent has: it changes with them. Empty where there is none."""
    found = labels_of(engine, sae_checksum, index)
    return hashlib.sha256(repr(found).encode("utf-8", "replace")).hexdigest()[:16] if found else ""


def count_labels(engine: Engine, sae_checksum: str) -> int:
    """Labels that an SAE has."""
    with reading(engine) as connection:
        query = select(func.count()).select_from(labels).where(labels.c.sae_checksum == sae_checksum)
        return int(connection.execute(query).scalar_one())

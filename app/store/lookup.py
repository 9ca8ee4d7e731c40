"""Finding a comparison or a latent, with a helpful error if there is none."""

from __future__ import annotations

from sqlalchemy import Column, ColumnElement, Connection, ScalarSelect, Select, Table, bindparam, func, select

from app.errors import NotFoundError, QueryError
from app.records import Side
from app.records.sides import SIDES
from app.store.tables import comparisons, latents, published

MAX_LISTED = 10

IN_CHUNK = 500
"""Values in one `IN (…)`: databases limit how many a statement may bind."""

MAX_INDEX = 2**31 - 1
"""Largest index that the columns hold."""


ID_OF_SLUG = select(comparisons.c.id).where(comparisons.c.slug == bindparam("slug"), published)
"""Made once: making it takes longer than running it."""


def id_of(slug: str) -> ScalarSelect[int]:
    """The comparison's key as a subquery; null where there is no such comparison."""
    return select(comparisons.c.id).where(comparisons.c.slug == slug, published).scalar_subquery()


def require_comparison(connection: Connection, slug: str) -> int:
    """The comparison's key.

    Raises:
        NotFoundError: no comparison has that slug; lists the newest that there are.
    """
    comparison_id = connection.execute(ID_OF_SLUG, {"slug": slug}).scalar()
    if comparison_id is None:
        raise no_comparison(connection, slug)
    return int(comparison_id)


def newest(column: Column[str]) -> Select[str]:
    """A column of all comparisons that may be seen, newest first."""
    return select(column).where(published).order_by(comparisons.c.created_at.desc(), comparisons.c.id.desc())


def no_comparison(connection: Connection, slug: str) -> NotFoundError:
    """The error for an unknown slug or name."""
    known = connection.execute(newest(comparisons.c.slug).limit(MAX_LISTED + 1)).scalars().all()
    if not known:
        return NotFoundError(
            f"no comparison {slug!r}: none is stored yet; run `hedgescope demo` or `hedgescope compare`"
        )
    more = ", …" if len(known) > MAX_LISTED else ""
    return NotFoundError(f"no comparison {slug!r}; the stored ones are {', '.join(known[:MAX_LISTED])}{more}")


def require_side(side: str) -> None:
    """Refuse anything but a side of a comparison. Raises QueryError."""
    if side not in SIDES:
        raise QueryError(f"sae is {side!r}; expected {' or '.join(SIDES)}", parameter="sae", valid=SIDES)


def no_latent(connection: Connection, slug: str, side: Side, index: int) -> NotFoundError:
    """The error for a latent that was not found: the side may be wrong, the comparison or the index."""
    require_side(side)
    comparison_id = require_comparison(connection, slug)
    last = select(func.max(latents.c.latent_index)).where(
        latents.c.comparison_id == comparison_id, latents.c.side == side
    )
    return NotFoundError(
        f"no latent {index} in the {side} SAE of {slug!r}; valid: 0 to {connection.execute(last).scalar()}"
    )


def bounded(index: int) -> int:
    """The index, or one that no latent has where it would not fit the column."""
    return index if 0 <= index <= MAX_INDEX else -1


def latent_key(table: Table, slug: str, side: Side, index: int) -> tuple[ColumnElement[bool], ...]:
    """Conditions on a latent's row."""
    return (
        table.c.comparison_id == id_of(slug),
        table.c.side == side,
        table.c.latent_index == bounded(index),
    )


def latent_exists(slug: str, side: Side, index: int) -> Select[int]:
    """A query that has a row where the latent is stored."""
    key: Column[int] = latents.c.latent_index
    return select(key).where(*latent_key(latents, slug, side, index))

"""How many latents there are: counts kept with the comparison, and counts of what filters leave."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Column, ColumnElement, Connection, String, bindparam, cast, func, insert, literal, select

from app.catalogue import LATENT_FIELDS
from app.store.tables import COUNTED, latent_column, latent_counts, latents

CAP = 10_000
"""Filtered latents are counted this far at once, and beyond it only on request."""

FACET_VALUES = 100
"""Most values of a facet."""

FACETS = tuple(
    name
    for name, spec in LATENT_FIELDS.items()
    if spec.sortable and spec.kind in ("integer", "text") and name != "index"
)
"""Fields whose values can be counted."""

KEPT = select(latent_counts.c.value, latent_counts.c.n).where(
    latent_counts.c.comparison_id == bindparam("comparison"),
    latent_counts.c.side == bindparam("of_side"),
    latent_counts.c.field == bindparam("of_field"),
)

Conditions = Sequence[ColumnElement[bool]]


@dataclass(frozen=True)
class FacetValue:
    """A value of a field, and the latents that have it.

    Attributes:
        value: null where the field is undefined.
        count: latents of the filtered view with this value.
    """

    value: int | str | None
    count: int


def keep_counts(connection: Connection, comparison_id: int) -> None:
    """Count a comparison's latents, all of them and by the values of `COUNTED`, and keep the counts."""
    fields: dict[str, ColumnElement[str] | Column[str]] = {"": literal("")}
    fields |= {name: cast(latent_column(name), String) for name in COUNTED}
    for field, value in fields.items():
        counted = (
            select(latents.c.comparison_id, latents.c.side, literal(field), value, func.count())
            .where(latents.c.comparison_id == comparison_id, value.is_not(None))
            .group_by(latents.c.comparison_id, latents.c.side, *([] if field == "" else [value]))
        )
        names = ["comparison_id", "side", "field", "value", "n"]
        connection.execute(insert(latent_counts).from_select(names, counted))


def kept_total(connection: Connection, comparison_id: int, side: str) -> int:
    """Latents of one side."""
    found = connection.execute(KEPT, {"comparison": comparison_id, "of_side": side, "of_field": ""}).first()
    return 0 if found is None else int(found.n)


def count(connection: Connection, conditions: Conditions) -> int:
    """Latents that meet all conditions."""
    return int(connection.execute(select(func.count()).select_from(latents).where(*conditions)).scalar_one())


def count_to_cap(connection: Connection, conditions: Conditions) -> int | None:
    """Latents that meet all conditions; None where there are more than `CAP`."""
    some = select(literal(1)).select_from(latents).where(*conditions).limit(CAP + 1).subquery()
    found = int(connection.execute(select(func.count()).select_from(some)).scalar_one())
    return None if found > CAP else found


def facet(connection: Connection, field: str, conditions: Conditions) -> tuple[FacetValue, ...]:
    """The most frequent values of a field among the latents that meet the conditions, with counts."""
    column, n = latent_column(field), func.count().label("n")
    query = select(column.label("value"), n).where(*conditions).group_by(column).order_by(n.desc(), column)
    return tuple(FacetValue(row.value, row.n) for row in connection.execute(query.limit(FACET_VALUES)))


def kept_facet(connection: Connection, comparison_id: int, side: str, field: str) -> tuple[FacetValue, ...]:
    """The same of all latents of a side, for a field of `COUNTED`."""
    rows = connection.execute(KEPT, {"comparison": comparison_id, "of_side": side, "of_field": field}).all()
    is_number = LATENT_FIELDS[field].kind == "integer"
    found = [FacetValue(int(row.value) if is_number else row.value, row.n) for row in rows]
    undefined = kept_total(connection, comparison_id, side) - sum(each.count for each in found)
    found += [FacetValue(None, undefined)] if undefined else []
    return tuple(sorted(found, key=lambda each: (-each.count, str(each.value)))[:FACET_VALUES])

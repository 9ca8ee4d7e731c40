"""The filter `x__inside=y,x0,y0,x1,y1,…`: latents whose values of two fields lie within a polygon, drawn in a plot."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import ColumnElement, and_, case, literal

from app.catalogue import LATENT_FIELDS
from app.errors import QueryError

INSIDE = "inside"
MIN_CORNERS = 3
MAX_CORNERS = 64
"""Each corner costs a comparison a latent: 64 take SQLite about 5 µs."""

LASSO_FIELDS = tuple(
    name for name, spec in LATENT_FIELDS.items() if spec.sortable and spec.kind in ("integer", "number")
)

LARGEST = 1e15
SMALLEST = 1e-12
"""Corners nearer to zero are at zero: PostgreSQL refuses what a division by less would give."""

Polygon = tuple[int | float | str, ...]
"""The name of the second field, then the corners: `y, x0, y0, x1, y1, …`."""


def parse_lasso(parameter: str, text: str) -> Polygon:
    """The polygon of a parameter's text. Raises QueryError."""
    other, *numbers = (part.strip() for part in text.split(","))
    if other not in LASSO_FIELDS:
        message = f"{parameter} begins with {other!r}; expected the second field, one of {', '.join(LASSO_FIELDS)}"
        raise QueryError(message, parameter=parameter, valid=LASSO_FIELDS)
    if len(numbers) % 2 or not MIN_CORNERS <= len(numbers) // 2 <= MAX_CORNERS:
        message = (
            f"{parameter} has {len(numbers)} numbers after the field; expected two for each of {MIN_CORNERS} to "
            f"{MAX_CORNERS} corners"
        )
        raise QueryError(message, parameter=parameter)
    return (other, *(_number(parameter, number) for number in numbers))


def inside(x: ColumnElement[Any], y: ColumnElement[Any], numbers: Sequence[float]) -> ColumnElement[bool]:
    """Whether points lie within a polygon: a ray to the right crosses its edges an odd number of times.

    The box around it comes first, since an index may know that; `static/js/filters.js` has the same sum.

    Args:
        numbers: `x0, y0, x1, y1, …`.
    """
    crossed = [
        case((and_((y1 > y) != (y2 > y), x < (x2 - x1) * (y - y1) / (y2 - y1) + x1), 1), else_=0)
        for x1, y1, x2, y2 in _edges(numbers)
        if y1 != y2
    ]
    xs, ys = numbers[::2], numbers[1::2]
    box = and_(x >= min(xs), x <= max(xs), y >= min(ys), y <= max(ys))
    # A flat polygon has no edge that a ray crosses.
    return and_(box, (literal(0) + sum(crossed)) % 2 == 1)


def _edges(numbers: Sequence[float]) -> Iterator[tuple[float, float, float, float]]:
    corners = list(zip(numbers[::2], numbers[1::2], strict=True))
    for (x1, y1), (x2, y2) in zip(corners, corners[1:] + corners[:1], strict=True):
        yield x1, y1, x2, y2


def _number(parameter: str, text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = float("nan")
    if not abs(number) <= LARGEST:  # true for NaN too
        message = f"{parameter} has {text!r} among its corners; expected numbers of at most {LARGEST:g}"
        raise QueryError(message, parameter=parameter)
    return number if abs(number) >= SMALLEST else 0.0

"""Sort orders, and the opaque cursors that say where in one a page ended."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from app.catalogue import LATENT_FIELDS
from app.errors import QueryError
from app.store.filters import CHOICES, FILTER_FIELDS
from app.store.lookup import MAX_INDEX

SORT_FIELDS = FILTER_FIELDS
MAX_EXACT = 2**53
MAX_SORTS = 4


@dataclass(frozen=True)
class Sort:
    """An order of latents: by one field, ties by ascending index, undefined values last either way."""

    field: str
    descending: bool

    def __str__(self) -> str:
        return f"-{self.field}" if self.descending else self.field


@dataclass(frozen=True)
class Place:
    """The last latent of a page: its values of the fields that are sorted by, None where undefined, and its index."""

    values: tuple[int | float | str | None, ...]
    index: int


def parse_sort(text: str) -> Sort:
    """A field's name, with `-` in front for descending.

    Raises:
        QueryError: no such field, or one that can't be sorted by.
    """
    sort = Sort(text.removeprefix("-"), text.startswith("-"))
    if sort.field not in SORT_FIELDS:
        raise QueryError(
            f"can't sort by {text!r}; expected one of {', '.join(SORT_FIELDS)}, with - in front for descending",
            parameter="sort",
            valid=SORT_FIELDS,
        )
    return sort


def parse_order(text: str) -> tuple[Sort, ...]:
    """Fields separated by commas, each as `parse_sort` takes it; later ones sort among ties of those before.

    Raises:
        QueryError: as `parse_sort`; or too many fields, or one twice.
    """
    order = tuple(parse_sort(part.strip()) for part in text.split(","))
    fields = [sort.field for sort in order]
    if len(order) > MAX_SORTS or len(set(fields)) < len(fields):
        message = f"can't sort by {text!r}; expected at most {MAX_SORTS} fields, each once"
        raise QueryError(message, parameter="sort", valid=SORT_FIELDS)
    # An index occurs once, so that nothing is left to sort behind it.
    return order[: fields.index("index") + 1] if "index" in fields else order


def encode_cursor(order: Sequence[Sort], scope: str, place: Place) -> str:
    """A cursor for the latents after `place`; `scope` stands for the comparison, side and filters it belongs to."""
    values: object = place.values[0] if len(order) == 1 else place.values
    data = orjson.dumps([_text(order), scope, values, place.index])
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def decode_cursor(text: str, order: Sequence[Sort], scope: str) -> Place:
    """The place that a cursor stands for.

    Raises:
        QueryError: it is damaged, or was made for another sort order, comparison or filter.
    """
    parts = _read(text)
    if parts[:2] != [_text(order), scope]:
        raise _refusal("belongs to another sort order, comparison or filter")
    given, index = parts[2:]
    values = [given] if len(order) == 1 else given
    if type(index) is not int or not 0 <= index <= MAX_INDEX:
        raise _refusal("is damaged")
    if not isinstance(values, list) or len(values) != len(order) or not all(map(_fits, order, values)):
        raise _refusal("is damaged")
    return Place(tuple(values), index)


def _text(order: Sequence[Sort]) -> str:
    return ",".join(map(str, order))


def _fits(sort: Sort, value: object) -> bool:
    """Whether a stored latent could have this value, so that the database takes it for a comparison."""
    if value is None:
        return True
    kind = LATENT_FIELDS[sort.field].kind
    if kind == "text":
        return isinstance(value, str) and value in CHOICES[sort.field]
    if type(value) is int:
        return abs(value) <= MAX_EXACT
    return type(value) is float and kind == "number"


def _read(text: str) -> list[Any]:
    try:
        parts = orjson.loads(base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True))
    except (binascii.Error, ValueError) as error:
        raise _refusal("is damaged") from error
    if not isinstance(parts, list) or len(parts) != 4:
        raise _refusal("is damaged")
    return parts


def _refusal(what: str) -> QueryError:
    return QueryError(f"the cursor {what}; start again without a cursor", parameter="cursor")

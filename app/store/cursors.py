"""Sort orders, and the opaque cursors that say where in one a page ended."""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from typing import Any

import orjson

from app.catalogue import LATENT_FIELDS
from app.errors import QueryError
from app.store.filters import CHOICES, FILTER_FIELDS
from app.store.lookup import MAX_INDEX

SORT_FIELDS = FILTER_FIELDS
MAX_EXACT = 2**53


@dataclass(frozen=True)
class Sort:
    """An order of latents: by one field, ties by ascending index, undefined values last either way."""

    field: str
    descending: bool

    def __str__(self) -> str:
        return f"-{self.field}" if self.descending else self.field


@dataclass(frozen=True)
class Place:
    """The last latent of a page: its value of the sort field, None where undefined, and its index."""

    value: int | float | str | None
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


def encode_cursor(sort: Sort, scope: str, place: Place) -> str:
    """A cursor for the latents after `place`; `scope` stands for the comparison, side and filters it belongs to."""
    data = orjson.dumps([str(sort), scope, place.value, place.index])
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def decode_cursor(text: str, sort: Sort, scope: str) -> Place:
    """The place that a cursor stands for.

    Raises:
        QueryError: it is damaged, or was made for another sort order, comparison or filter.
    """
    parts = _read(text)
    if parts[:2] != [str(sort), scope]:
        raise _refusal("belongs to another sort order, comparison or filter")
    value, index = parts[2:]
    if type(index) is not int or not 0 <= index <= MAX_INDEX or not _fits(sort.field, value):
        raise _refusal("is damaged")
    return Place(value, index)


def _fits(field: str, value: object) -> bool:
    """Whether a stored latent could have this value, so that the database takes it for a comparison."""
    if value is None:
        return True
    if LATENT_FIELDS[field].kind == "text":
        return value in CHOICES[field]
    if type(value) is int:
        return abs(value) <= MAX_EXACT
    return type(value) is float and LATENT_FIELDS[field].kind == "number"


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

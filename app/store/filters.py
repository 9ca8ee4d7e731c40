"""Filters of the latents table: `field__op=value` as people and links write it, as data, and as SQL."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from math import isfinite
from typing import Any, get_args

from sqlalchemy import ColumnElement

from app.catalogue import LATENT_FIELDS, Kind
from app.errors import QueryError
from app.records import LatentDiagnosis
from app.store.lasso import INSIDE, LASSO_FIELDS, inside, parse_lasso
from app.store.rows import fold
from app.store.search import MAX_SEARCH_CHARACTERS, contains
from app.store.tables import latent_column, latents

Value = int | float | str | bool | tuple[int | float | str, ...]

FILTER_FIELDS = tuple(name for name, spec in LATENT_FIELDS.items() if spec.sortable)
CHOICES: dict[str, tuple[str, ...]] = {"diagnosis": get_args(LatentDiagnosis)}
"""Text fields and the words they can hold."""

INTEGER = re.compile(r"[+-]?[0-9]{1,18}")
MAX_FILTERS = 50
MAX_IN_VALUES = 500


@dataclass(frozen=True)
class Filter:
    """One condition on the latents.

    Attributes:
        field: name of a sortable field of the catalogue.
        op: name of an operation in `OPS` or `TEXT_OPS`, or `inside`.
        value: what it is compared with; a tuple for `in` and `inside`, a bool for `isnull`.
    """

    field: str
    op: str
    value: Value


@dataclass(frozen=True)
class Op:
    """An operation of filters, for the store, pages and API; `static/js/filters.js` has the same ones.

    Attributes:
        sign: between a field's title and a value, such as `≥`.
        words: what it requires of a field, in the API's description.
        kinds: of fields that it works on.
        condition: makes the SQL condition of a column and a value. Undefined values meet no condition but `isnull`
            and `ne`: what is undefined does differ from any value.
    """

    sign: str
    words: str
    kinds: tuple[Kind, ...]
    condition: Callable[[ColumnElement[Any], Any], ColumnElement[bool]]


ORDERED: tuple[Kind, ...] = ("integer", "number")
ANY: tuple[Kind, ...] = (*ORDERED, "text")

OPS: dict[str, Op] = {
    "eq": Op("is", "equal", ANY, lambda column, value: column == value),
    "ne": Op("is not", "other than this, or undefined", ANY, lambda column, value: column.is_distinct_from(value)),
    "gt": Op(">", "greater", ORDERED, lambda column, value: column > value),
    "gte": Op("≥", "greater or equal", ORDERED, lambda column, value: column >= value),
    "lt": Op("<", "less", ORDERED, lambda column, value: column < value),
    "lte": Op("≤", "less or equal", ORDERED, lambda column, value: column <= value),
    "in": Op("is one of", "any of these, separated by commas", ANY, lambda column, value: column.in_(value)),
    "isnull": Op(
        "is undefined:",
        "1 undefined, 0 defined",
        ANY,
        lambda column, value: column.is_(None) if value else column.is_not(None),
    ),
}


TEXT_FIELDS = ("label",)
"""Fields of free text, which the API filters by `TEXT_OPS`."""

TEXT_OPS: dict[str, Op] = {
    "contains": Op("contains", "contains this, in any case", ("text",), lambda _column, value: contains(value)),
    "startswith": Op(
        "starts with",
        "starts with this, in any case",
        ("text",),
        lambda _column, value: latents.c.label_folded.startswith(value, autoescape=True),
    ),
    "endswith": Op(
        "ends with",
        "ends with this, in any case",
        ("text",),
        lambda _column, value: latents.c.label_folded.endswith(value, autoescape=True),
    ),
}
"""Operations on text. A table has its search field for them; scripts combine them with each other."""


def parse_filters(params: Iterable[tuple[str, str]]) -> tuple[Filter, ...]:
    """Filters from the parameters of a URL, e.g. `("hedging_score__gte", "0.5")`, `("diagnosis", "hedged")`.

    The caller takes out its own parameters (`sort`, `limit`, …) first: every other name must be a filter.

    Raises:
        QueryError: an unknown field or operation, or a value that the field can't have; names the parameter and
            lists what is valid.
    """
    filters = tuple(dict.fromkeys(parse_filter(name, text) for name, text in params))
    if len(filters) > MAX_FILTERS:
        raise QueryError(f"{len(filters)} filters given; expected at most {MAX_FILTERS}", parameter="filters")
    return filters


def parse_filter(parameter: str, text: str) -> Filter:
    """One filter; see `parse_filters`."""
    field, _, op = parameter.partition("__")
    op = op or "eq"
    if field in TEXT_FIELDS and "__" in parameter:
        return _parse_text(parameter, field, op, text)
    if field not in FILTER_FIELDS:
        raise QueryError(
            f"unknown parameter {parameter!r}; expected {', '.join(FILTER_FIELDS)}",
            parameter=parameter,
            valid=FILTER_FIELDS,
        )
    if op == INSIDE and field in LASSO_FIELDS:
        return Filter(field, op, parse_lasso(parameter, text))
    kind = LATENT_FIELDS[field].kind
    ops = tuple(name for name, known in OPS.items() if kind in known.kinds)
    if op not in ops:
        raise QueryError(
            f"unknown operation {op!r} in {parameter!r}; {field} takes {', '.join(ops)}", parameter=parameter, valid=ops
        )
    return Filter(field, op, _parse_value(parameter, field, op, text))


def _parse_text(parameter: str, field: str, op: str, text: str) -> Filter:
    if op not in TEXT_OPS:
        message = f"unknown operation {op!r} in {parameter!r}; {field} takes {', '.join(TEXT_OPS)}"
        raise QueryError(message, parameter=parameter, valid=tuple(TEXT_OPS))
    if not 0 < len(text) <= MAX_SEARCH_CHARACTERS:
        message = f"{parameter} has {len(text)} characters; expected 1 to {MAX_SEARCH_CHARACTERS}"
        raise QueryError(message, parameter=parameter)
    return Filter(field, op, fold(text))


def _parse_value(parameter: str, field: str, op: str, text: str) -> Value:
    if op == "isnull":
        if text not in ("0", "1"):
            raise QueryError(f"{parameter} is {text!r}; expected 0 or 1", parameter=parameter, valid=("0", "1"))
        return text == "1"
    if op != "in":
        return _parse_scalar(parameter, field, text)
    values = tuple(dict.fromkeys(_parse_scalar(parameter, field, part.strip()) for part in text.split(",")))
    if len(values) > MAX_IN_VALUES:
        raise QueryError(f"{parameter} lists {len(values)} values; at most {MAX_IN_VALUES}", parameter=parameter)
    return values


def _parse_scalar(parameter: str, field: str, text: str) -> int | float | str:
    kind = LATENT_FIELDS[field].kind
    if kind == "integer":
        if not INTEGER.fullmatch(text):
            raise QueryError(f"{parameter} is {text!r}; expected a whole number", parameter=parameter)
        return int(text)
    if kind == "number":
        return _parse_number(parameter, text)
    choices = CHOICES[field]
    if text not in choices:
        raise QueryError(f"{parameter} is {text!r}; expected {', '.join(choices)}", parameter=parameter, valid=choices)
    return text


def _parse_number(parameter: str, text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = float("nan")
    if not isfinite(number):
        raise QueryError(f"{parameter} is {text!r}; expected a finite number", parameter=parameter)
    return number


def condition(filter_: Filter) -> ColumnElement[bool]:
    """The filter as a condition on `latents`."""
    if filter_.op == INSIDE and isinstance(filter_.value, tuple):
        other, *numbers = filter_.value
        return inside(latent_column(filter_.field), latent_column(str(other)), [float(number) for number in numbers])
    return {**OPS, **TEXT_OPS}[filter_.op].condition(latent_column(filter_.field), filter_.value)

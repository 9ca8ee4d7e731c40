"""What may be stored: plain Python values, finite numbers. Databases and JSON would turn NaN into null silently."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from datetime import datetime
from functools import cache
from math import isfinite
from types import NoneType
from typing import Any

from app.errors import StoreError

PLAIN = frozenset({int, str, bool, NoneType, datetime})
KEYS = ("slug", "name", "sae", "index", "narrow_index", "reference_index", "row")


def check_storable(record: Any) -> None:
    """Refuse a record that holds NaN, an infinity or a value of a foreign type such as `numpy.int64`.

    Raises:
        StoreError: names the record, the field and what it holds.
    """
    fault = find_fault(record)
    if fault is None:
        return
    field, found = fault
    keys = (f"{key}={getattr(record, key)!r}" for key in KEYS if hasattr(record, key))
    raise StoreError(
        f"{type(record).__name__}({', '.join(keys)}): field {field} holds {found}; expected a finite number or a plain "
        "value (None with a reason where undefined); nothing was stored"
    )


def find_fault(value: Any) -> tuple[str, str] | None:
    """The dotted path of the first value that can't be stored and what it is; None where all can."""
    kind = type(value)
    if kind in PLAIN:
        return None
    if kind is float:
        return None if isfinite(value) else ("", repr(value))
    if kind is tuple or kind is list:
        return _find_in_items(value)
    if is_dataclass(kind):
        return _find_in_record(value, _field_names(kind))
    if isinstance(value, Mapping):
        return _find_in_pairs(value.items())
    return "", f"a {kind.__module__}.{kind.__qualname__}"


def _find_in_record(record: Any, names: tuple[str, ...]) -> tuple[str, str] | None:
    # Most fields of most records are plain values: a call for each is what checking would cost.
    for name in names:
        value = getattr(record, name)
        kind = type(value)
        if kind in PLAIN or (kind is float and isfinite(value)):
            continue
        if fault := _find_in_pairs([(name, value)]):
            return fault
    return None


def _find_in_items(items: Any) -> tuple[str, str] | None:
    # Most of a comparison is long runs of floats: they are checked without a call for each.
    kinds = set(map(type, items))
    # A sum is finite only where all of its terms are; one that overflows is checked term by term.
    if kinds <= PLAIN or (kinds == {float} and isfinite(sum(items))):
        return None
    return _find_in_pairs(enumerate(items))


def _find_in_pairs(pairs: Any) -> tuple[str, str] | None:
    for name, value in pairs:
        fault = find_fault(value)
        if fault is not None:
            path, found = fault
            return (f"{name}.{path}" if path else str(name)), found
    return None


@cache
def _field_names(kind: Any) -> tuple[str, ...]:
    return tuple(field.name for field in fields(kind))

"""Rows of tables as lines of JSON and back: bytes as base64, each value checked against its column."""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import orjson
from pydantic import ValidationError
from sqlalchemy import BigInteger, Boolean, Column, Double, Integer, LargeBinary, String, Text

from app.errors import StoreError
from app.store.bulk import Values
from app.store.payloads import CELLS, DETAIL, PAIR, TEXT_ROW, expand, unpack_profile

TYPES: tuple[tuple[type[Any], tuple[type, ...]], ...] = (
    (BigInteger, (int,)),
    (Integer, (int,)),
    (Double, (float, int)),
    (Boolean, (bool,)),
    (LargeBinary, (bytes,)),
    (Text, (str,)),
    (String, (str,)),
)
"""Type of a column -> types of its values; subtypes first."""

PAYLOADS: Mapping[str, Callable[[Any], object]] = {
    "latent_details": lambda payload: expand(DETAIL, payload),
    "pair_details": lambda payload: expand(PAIR, payload),
    "pair_profiles": lambda payload: unpack_profile(0, payload),
    "firing_cells": lambda payload: expand(CELLS, payload),
    "text_rows": TEXT_ROW.validate_json,
}
"""Table -> what reads its payload, so that nothing is stored that no page can show."""


def line_of(row: Sequence[Any]) -> bytes:
    """A row as one line of JSON."""
    values = [b64encode(bytes(v)).decode() if isinstance(v, bytes | memoryview) else v for v in row]
    return orjson.dumps(values) + b"\n"


def row_of(line: bytes, columns: Sequence[Column[Any]], where: str) -> Values:
    """The row of a line.

    Raises:
        StoreError: it does not fit the columns.
    """
    try:
        values = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        raise StoreError(f"{where}: not JSON; the bundle is damaged, and nothing was imported") from error
    if not isinstance(values, list) or len(values) != len(columns):
        raise StoreError(f"{where}: expected {len(columns)} values; the bundle is damaged, and nothing was imported")
    return tuple(_value(value, column, where) for value, column in zip(values, columns, strict=True))


def _value(value: Any, column: Column[Any], where: str) -> Any:
    allowed = next(types for kind, types in TYPES if isinstance(column.type, kind))
    if value is None and column.nullable:
        return None
    if allowed == (bytes,) and isinstance(value, str):
        try:
            value = b64decode(value, validate=True)
        except ValueError:
            value = None
    is_flag = isinstance(value, bool)
    if not isinstance(value, allowed) or is_flag != (allowed == (bool,)):
        raise StoreError(f"{where}: {column.name} has a value of another type; nothing was imported")
    _check_payload(value, column, where)
    return value


def _check_payload(value: Any, column: Column[Any], where: str) -> None:
    reads = PAYLOADS.get(column.table.name) if column.name == "payload" else None
    if reads is None:
        return
    try:
        reads(value)
    except (ValidationError, ValueError, OSError) as error:
        raise StoreError(f"{where}: its payload can't be read; nothing was imported") from error
    except Exception as error:
        raise StoreError(f"{where}: its payload can't be read; nothing was imported", reason=str(error)) from error

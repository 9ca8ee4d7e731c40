"""Tables as files: CSV and NDJSON, block by block."""

from __future__ import annotations

import csv
import io
from collections.abc import Collection, Iterable, Sequence
from itertools import groupby
from typing import Any, Final

import orjson

RUN_BY_SPREADSHEETS: Final = ("=", "+", "-", "@", "\t", "\r")
"""Beginnings of cells that a spreadsheet runs as a formula."""

Row = Sequence[Any]


def csv_block(rows: Iterable[Row]) -> bytes:
    """Rows as CSV: an undefined value is empty, a text that a spreadsheet would run has an apostrophe in front."""
    buffer = io.StringIO()
    csv.writer(buffer).writerows([[_cell(value) for value in row] for row in rows])
    return buffer.getvalue().encode()


def harmless(text: str) -> str:
    """The text, with an apostrophe in front where a spreadsheet would run it."""
    return f"'{text}" if text.lstrip(" ").startswith(RUN_BY_SPREADSHEETS) else text


def _cell(value: Any) -> Any:
    if value is None:
        return ""
    if isinstance(value, str):
        return harmless(value)
    return value if isinstance(value, int | float) else harmless(orjson.dumps(value).decode())


class CsvWriter:
    """Writes rows of one kind, twice as fast as one by one: what stands between free texts becomes text all at once.

    Args:
        names: of the columns.
        texts: those among them that hold free text; other texts are words, of letters only.
    """

    def __init__(self, names: Sequence[str], texts: Collection[str]) -> None:
        self._names = tuple(names)
        self._runs = [
            (is_text, [place for place, _ in run])
            for is_text, run in groupby(enumerate(names), key=lambda named: named[1] in texts)
        ]

    def head(self) -> bytes:
        """The line with the names."""
        return csv_block([self._names])

    def block(self, rows: Sequence[Row]) -> bytes:
        """Rows as CSV, as `csv_block` makes them, but with quotes around words."""
        runs = [_cells(rows, places) if is_text else _values(rows, places) for is_text, places in self._runs]
        return b"".join(b",".join(parts) + b"\r\n" for parts in zip(*runs, strict=True))


def _cells(rows: Sequence[Row], places: Sequence[int]) -> list[bytes]:
    lines = csv_block([[row[place] for place in places] for row in rows])
    # A line break inside a cell is not the end of its row.
    if lines.count(b"\n") == len(rows):
        return lines.split(b"\r\n")[:-1]
    return [csv_block([[row[place] for place in places]])[:-2] for row in rows]


def _values(rows: Sequence[Row], places: Sequence[int]) -> list[bytes]:
    text = orjson.dumps([[row[place] for place in places] for row in rows])[2:-2]
    for ours, theirs in ((b"null", b""), (b"true", b"True"), (b"false", b"False")):
        text = text.replace(ours, theirs)
    return text.split(b"],[") if rows else []

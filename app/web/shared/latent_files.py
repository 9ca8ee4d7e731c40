"""Latents as files: CSV and NDJSON."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from operator import itemgetter
from typing import Any, Final

import orjson
from starlette.responses import Response

from app.catalogue import LATENT_SPECS
from app.store.filters import TEXT_FIELDS
from app.store.rows import LATENT_NAMES
from app.web.shared.table_files import CsvWriter

CSV: Final = "text/csv; charset=utf-8"
NDJSON: Final = "application/x-ndjson"

Rows = Sequence[Sequence[Any]]

_NAMES = tuple(spec.name for spec in LATENT_SPECS)
_WRITER = CsvWriter(_NAMES, TEXT_FIELDS)
_numbers = itemgetter(*map(LATENT_NAMES.index, _NAMES))


def latents_as_csv(blocks: Iterable[Rows]) -> Iterator[bytes]:
    """A head, then one line each, without reasons; an undefined value is empty."""
    yield _WRITER.head()
    for rows in blocks:
        yield _WRITER.block(list(map(_numbers, rows)))


def latents_as_ndjson(blocks: Iterable[Rows]) -> Iterator[bytes]:
    """One JSON object a line, reasons included."""
    for rows in blocks:
        lines = [orjson.dumps(_record(row)) for row in rows]
        yield b"\n".join([*lines, b""])


def without_body(media_type: str, headers: Mapping[str, str]) -> Response:
    """The headers of a file, for HEAD: its length is not known before it is made."""
    response = Response(media_type=media_type, headers=headers)
    del response.headers["Content-Length"]
    return response


def _record(row: Sequence[Any]) -> dict[str, Any]:
    record = dict(zip(LATENT_NAMES, row, strict=True))
    record["reasons"] = orjson.Fragment(record["reasons"])
    return record

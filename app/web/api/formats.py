"""Lists as CSV, NDJSON and Parquet: by the ending of the path, or by `Accept`."""

from __future__ import annotations

import importlib.util
import io
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, Literal

import orjson
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from app.catalogue import LATENT_FIELDS
from app.store.rows import LATENT_NAMES
from app.web.http import endings
from app.web.http.errors import Problem, ProblemError
from app.web.shared.latent_files import CSV, NDJSON, latents_as_csv, latents_as_ndjson, without_body
from app.web.shared.table_files import csv_block

Format = Literal["json", "csv", "ndjson", "parquet"]
Rows = Sequence[Sequence[Any]]

PARQUET: Final = "application/vnd.apache.parquet"
MEDIA_TYPES: Final[Mapping[Format, str]] = {"csv": CSV, "ndjson": NDJSON, "parquet": PARQUET}
ARROW: Final = {"integer": "int64", "number": "double", "flag": "bool", "text": "string"}


def format_of(request: Request) -> Format:
    """The format that a request wants; JSON unless it says otherwise.

    Raises:
        ProblemError: 406, Parquet can't be made here.
    """
    name = _wanted(request)
    if name == "parquet" and importlib.util.find_spec("pyarrow") is None:
        detail = "Parquet needs the package pyarrow, which this server does not have; use csv or ndjson"
        raise ProblemError(Problem(406, "not-acceptable", "Not acceptable", detail))
    return name


def _wanted(request: Request) -> Format:
    path: str = request.scope["path"]
    for ending, name in zip(endings.TABLES, MEDIA_TYPES, strict=True):
        if path.endswith(ending):
            return name
    accepted = [part.partition(";")[0].strip() for part in request.headers.get("accept", "").split(",")]
    plain = {media_type.partition(";")[0]: name for name, media_type in MEDIA_TYPES.items()}
    return next((plain[one] for one in accepted if one in plain), "json")


def list_file(request: Request, name: str, items: Sequence[Any], kind: Format) -> Response:
    """A list of records as a file. Records in records become columns such as `narrow.l0`, lists become JSON text."""
    records = orjson.loads(orjson.dumps(items))
    rows = [dict(_flat(record)) for record in records]
    columns = list(dict.fromkeys(column for row in rows for column in row))
    if kind == "ndjson":
        body = b"".join(orjson.dumps(record, option=orjson.OPT_APPEND_NEWLINE) for record in records)
    elif kind == "csv":
        body = csv_block([columns, *([row.get(column) for column in columns] for row in rows)])
    else:
        body = _parquet_of(rows, columns)
    return Response(body, headers=_headers(name, kind), media_type=MEDIA_TYPES[kind])


def latent_file(request: Request, name: str, kind: Format, blocks: Callable[[], Iterator[Rows]]) -> Response:
    """All latents of a view as a file, written while they are read; for HEAD nothing is read.

    Args:
        blocks: begins to read.
    """
    if request.method == "HEAD":
        return without_body(MEDIA_TYPES[kind], _headers(name, kind))
    write = {"csv": latents_as_csv, "ndjson": latents_as_ndjson, "parquet": latents_as_parquet}[kind]
    return StreamingResponse(write(blocks()), headers=_headers(name, kind), media_type=MEDIA_TYPES[kind])


def latents_as_parquet(blocks: Iterable[Rows]) -> Iterator[bytes]:
    """Latents as Parquet, one row group a block; `reasons` is JSON text."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    fields = [(name, ARROW[LATENT_FIELDS[name].kind if name in LATENT_FIELDS else "text"]) for name in LATENT_NAMES]
    schema = pa.schema([pa.field(name, pa.type_for_alias(kind)) for name, kind in fields])
    booleans = [place for place, (_, kind) in enumerate(fields) if kind == "bool"]
    sink = _Sink()
    with pq.ParquetWriter(pa.PythonFile(sink, mode="w"), schema) as writer:
        for rows in blocks:
            columns = [list(column) for column in zip(*rows, strict=True)] or [[] for _ in fields]
            for place in booleans:
                # SQLite has no type of its own for them.
                columns[place] = [None if value is None else bool(value) for value in columns[place]]
            writer.write_table(pa.table(columns, schema=schema))
            yield sink.taken()
    yield sink.taken()


class _Sink(io.RawIOBase):
    """Keeps what is written until it is taken."""

    def __init__(self) -> None:
        super().__init__()
        self._parts: list[bytes] = []
        self._size = 0

    def writable(self) -> bool:
        return True

    def write(self, part: Any) -> int:
        self._parts.append(bytes(part))
        self._size += len(part)
        return len(part)

    def tell(self) -> int:
        return self._size

    def taken(self) -> bytes:
        """What was written since the last call."""
        found, self._parts = b"".join(self._parts), []
        return found


def _parquet_of(rows: Sequence[Mapping[str, Any]], columns: Sequence[str]) -> bytes:
    import pyarrow as pa
    import pyarrow.parquet as pq

    buffer = io.BytesIO()
    pq.write_table(pa.table({column: [row.get(column) for row in rows] for column in columns}), buffer)
    return buffer.getvalue()


def _flat(record: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in record.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{prefix}{name}.")
        else:
            yield prefix + name, orjson.dumps(value).decode() if isinstance(value, list) else value


def _headers(name: str, kind: Format) -> dict[str, str]:
    return {"Content-Disposition": f'attachment; filename="{name}.{kind}"', "Vary": "Accept"}

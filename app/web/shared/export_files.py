"""An export of a comparison as a file: CSV, NDJSON or Parquet. The columns are the fields of the rows' record."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, fields, is_dataclass
from itertools import islice
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, get_args, get_origin, get_type_hints

import orjson

from app.errors import SettingsError
from app.records import Partner
from app.store.export_rows import ExportedContext, ExportedLatent
from app.web.shared.table_files import csv_block

FileFormat = Literal["csv", "ndjson", "parquet"]

CHUNK = 500
MAIN = "main_partner_"
"""In front of the fields of a latent's main partner, in CSV."""
_ARROW = {int: "int64", float: "float64", str: "string", bool: "bool"}
_KEYS = ("narrow_index", "index", "rank")


def write_rows(path: Path, format_: FileFormat, record: type[Any], rows: Iterable[Any]) -> None:
    """Write rows of one record; the file appears whole or not at all.

    Raises:
        SettingsError: it can't be written, or its format needs a package that is not installed.
    """
    partial = path.with_name(f"{path.name}.partial")
    try:
        if format_ == "parquet":
            _write_parquet(partial, record, rows)
        else:
            blocks = _csv(record, rows) if format_ == "csv" else _ndjson(rows)
            with partial.open("wb") as file:
                file.writelines(blocks)
        partial.replace(path)
    except OSError as error:
        raise SettingsError(f"can't be written ({error.strerror})", place=path) from error
    finally:
        partial.unlink(missing_ok=True)


def _ndjson(rows: Iterable[Any]) -> Iterator[bytes]:
    for row in rows:
        yield orjson.dumps(row) + b"\n"


def _csv(record: type[Any], rows: Iterable[Any]) -> Iterator[bytes]:
    names = csv_names(record)
    yield csv_block([names])
    for chunk in _chunks(rows):
        yield csv_block([[flat.get(name) for name in names] for flat in map(_flat, chunk)])


def csv_names(record: type[Any]) -> tuple[str, ...]:
    """The columns of a CSV file: no reasons; partners as the main one, tokens as text."""
    left_out = {"reasons", "tokens", *(("partners",) if record is ExportedLatent else ())}
    names = [field.name for field in fields(record) if field.name not in left_out]
    if record is ExportedLatent:
        names += [f"{MAIN}{field.name}" for field in fields(Partner) if field.name not in _KEYS]
    return (*names, "text") if record is ExportedContext else tuple(names)


def _flat(row: Any) -> dict[str, Any]:
    found = dict(vars(row))
    if isinstance(row, ExportedLatent):
        other = "index" if row.sae == "narrow" else "narrow_index"
        main = next((each for each in row.partners if getattr(each, other) == row.main_partner), None)
        found |= {f"{MAIN}{name}": value for name, value in vars(main).items()} if main is not None else {}
    if isinstance(row, ExportedContext):
        found["text"] = "".join(row.tokens)
    return found


def _write_parquet(path: Path, record: type[Any], rows: Iterable[Any]) -> None:
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ModuleNotFoundError as error:
        raise SettingsError("parquet needs pyarrow; run `pip install 'hedgescope[parquet]'`") from error
    hints = get_type_hints(record)
    schema = pa.schema([pa.field(field.name, _arrow(hints[field.name])) for field in fields(record)])
    booleans = [field.name for field in schema if field.type == pa.bool_()]
    with pq.ParquetWriter(path, schema) as writer:
        for chunk in _chunks(rows):
            writer.write_table(pa.Table.from_pylist([_storable(row, booleans) for row in chunk], schema))


def _storable(row: Any, booleans: Sequence[str]) -> dict[str, Any]:
    found = asdict(row)
    # SQLite has no type of its own for them.
    found |= {name: None if found[name] is None else bool(found[name]) for name in booleans}
    return {
        name: orjson.dumps(value).decode() if isinstance(value, Mapping) and name == "reasons" else value
        for name, value in found.items()
    }


def _arrow(hint: Any) -> Any:
    """The Parquet type of a field's annotation."""
    import pyarrow as pa

    if get_origin(hint) is UnionType or NoneType in get_args(hint):
        return _arrow(next(each for each in get_args(hint) if each is not NoneType))
    if get_origin(hint) is tuple:
        return pa.list_(_arrow(get_args(hint)[0]))
    if is_dataclass(hint):
        hints = get_type_hints(hint)
        return pa.struct([pa.field(field.name, _arrow(hints[field.name])) for field in fields(hint)])
    return pa.type_for_alias(_ARROW.get(hint, "string"))


def _chunks(rows: Iterable[Any]) -> Iterator[list[Any]]:
    iterator = iter(rows)
    while chunk := list(islice(iterator, CHUNK)):
        yield chunk

"""Documents of text files: plain text, JSON, CSV and Parquet, in any case and compression, one document at a time."""

from __future__ import annotations

import csv
import io
import json
import lzma
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import IO, Any

from app.activations.text_kinds import EXPECTED, refuse_magic, refuse_other_kinds
from app.errors import TextError
from app.files import LFS_REMEDY, is_lfs_pointer

PLAIN = (".txt", ".text", ".md")
JSON_LINES = (".jsonl", ".ndjson", ".jsonlines")
TABLES = (".csv", ".tsv")
PIECE = 1 << 23
"""Characters of a plain text that are one document at most."""
COMPRESSIONS = {".gz": "gzip", ".bz2": "bz2", ".zst": "zstd", ".lz4": "lz4", ".xz": "xz"}
DOCUMENTS_OF_THEIR_OWN = (*JSON_LINES, ".json", *TABLES, ".parquet")
"""Endings of files that say where a document ends."""
SUFFIXES = (*PLAIN, *JSON_LINES, ".json", *TABLES, ".parquet")
"""Endings of text files, in lower case; a compression may stand behind them."""


def kind_of(path: Path) -> tuple[str, str | None]:
    """(ending of a file in lower case, its compression), such as `(".jsonl", "gzip")` for `a.JSONL.gz`."""
    suffixes = [suffix.lower() for suffix in path.suffixes]
    compression = COMPRESSIONS.get(suffixes[-1]) if suffixes else None
    if compression is not None:
        suffixes.pop()
    return (suffixes[-1] if suffixes else ""), compression


def is_text_file(path: Path) -> bool:
    """Whether a file's ending says that it holds documents."""
    return kind_of(path)[0] in SUFFIXES


def documents_of_file(path: Path, column: str = "text") -> Iterator[str]:
    """The documents of a file, one after the other: memory does not grow with the file, but for `.json`.

    Args:
        column: key or column that holds the text, where the file has any.

    Raises:
        TextError: it can't be read, or is something else than its ending says.
    """
    suffix, compression = kind_of(path)
    if suffix != ".parquet" and compression is None:
        refuse_magic(path)
    if is_lfs_pointer(path):
        raise TextError(LFS_REMEDY, place=path)
    reader = _READERS.get(suffix, _plain)
    try:
        if reader is _parquet:
            yield from _parquet(path, column)
            return
        with _opened(path, compression) as handle:
            yield from reader(path, handle, column)
    except UnicodeDecodeError as error:
        raise TextError(f"not UTF-8 text; {EXPECTED}, in UTF-8", place=path) from error
    except (OSError, EOFError, lzma.LZMAError) as error:
        detail = (
            f"can't be read ({error.strerror})" if isinstance(error, OSError) and error.strerror else "can't be read"
        )
        raise TextError(detail, place=path, reason=None if detail.endswith(")") else str(error)) from error


def _opened(path: Path, compression: str | None) -> IO[str]:
    """A file as text, decompressed; a byte order mark is taken off and line ends stay as they are."""
    import pyarrow as pa

    raw: Any
    if compression is None:
        raw = path.open("rb")
    elif compression == "xz":
        raw = lzma.open(path, "rb")  # noqa: SIM115 - the caller closes it
    else:
        raw = pa.CompressedInputStream(pa.OSFile(str(path)), compression)
    return io.TextIOWrapper(io.BufferedReader(raw) if compression not in (None, "xz") else raw, "utf-8-sig", newline="")


def _plain(path: Path, handle: IO[str], _column: str) -> Iterator[str]:
    """The file as one document; a long one as several, cut at blank lines, so that it is never whole in memory."""
    rest, is_first = "", True
    while piece := handle.read(PIECE):
        if is_first:
            refuse_other_kinds(path, piece)
            is_first = False
        rest += piece
        if len(rest) > PIECE:
            document, rest = _cut(rest)
            yield document
    yield rest


def _cut(text: str) -> tuple[str, str]:
    """The text up to its last blank line, or up to its last space where it has none, and the rest."""
    for mark in ("\n\n", "\r\n\r\n", "\n", " "):
        place = text.rfind(mark)
        if place > 0:
            return text[:place], text[place:]
    return text, ""


def _json_lines(path: Path, handle: IO[str], column: str) -> Iterator[str]:
    # Not splitlines(): JSON strings may hold other line ends, such as U+2028. `newline=""` splits at \r too, which
    # no JSON string holds unescaped.
    for number, line in enumerate(handle, start=1):
        if line.strip():
            yield text_of_record(path, f"line {number}", _parsed(path, f"line {number}", line), column)


def _json(path: Path, handle: IO[str], column: str) -> Iterator[str]:
    """A list of objects or of texts, an object that holds such a list, or JSON Lines under this ending."""
    content = handle.read()
    try:
        value = json.loads(content)
    except ValueError:
        yield from _json_lines(path, io.StringIO(content, newline=""), column)
        return
    if isinstance(value, dict) and not isinstance(value.get(column), str):
        lists = [each for each in (value.get(column), *value.values()) if isinstance(each, list)]
        value = lists[0] if lists else value
    for number, record in enumerate(value if isinstance(value, list) else [value], start=1):
        yield text_of_record(path, f"entry {number}", record, column)


def _parsed(path: Path, where: str, line: str) -> Any:
    try:
        return json.loads(line)
    except (json.JSONDecodeError, RecursionError) as error:
        fault = getattr(error, "msg", "nested too deeply")
        raise TextError(f"{where}: not JSON ({fault}); expected one object per line", place=path) from error


def text_of_record(path: Path, where: str, record: Any, column: str) -> str:
    """The text of one object of a JSON file. Raises TextError where it has none."""
    text = record.get(column) if isinstance(record, dict) else record if isinstance(record, str) else None
    if not isinstance(text, str):
        has = f"; it has {', '.join(sorted(map(str, record)))[:120]}" if isinstance(record, dict) and record else ""
        raise TextError(f'{where}: expected an object with a string under "{column}"{has}', place=path)
    if re.search("[\ud800-\udfff]", text):
        raise TextError(f"{where}: has half of a surrogate pair; expected whole characters", place=path)
    return text


def _table(path: Path, handle: IO[str], column: str) -> Iterator[str]:
    csv.field_size_limit(sys.maxsize)
    tab = kind_of(path)[0] == ".tsv"
    reader = csv.DictReader(handle, delimiter="\t" if tab else ",")
    names = list(reader.fieldnames or ())
    if column not in names:
        hint = "; it separates them otherwise: save it with commas" if _other_mark(names) else ""
        raise TextError(f'has columns {names}; expected one named "{column}"{hint}', place=path)
    try:
        for row in reader:
            yield row[column] or ""
    except csv.Error as error:
        raise TextError("not a table", place=path, reason=str(error)) from error


def _other_mark(names: list[str]) -> bool:
    return len(names) == 1 and any(mark in names[0] for mark in (";", "\t", "|", ","))


def _parquet(path: Path, column: str) -> Iterator[str]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        file = pq.ParquetFile(path)
        if column not in file.schema_arrow.names:
            raise TextError(f'has columns {file.schema_arrow.names}; expected one named "{column}"', place=path)
        for batch in file.iter_batches(batch_size=1000, columns=[column]):
            yield from texts_of_column(path, batch.column(0), column)
    except pa.ArrowException as error:
        raise TextError("not a complete Parquet file; download it again", place=path, reason=str(error)) from error


def texts_of_column(place: Path | str, values: Any, column: str) -> Iterator[str]:
    """The strings of an Arrow column that are not missing. Raises TextError where it holds something else."""
    import pyarrow as pa

    if pa.types.is_dictionary(values.type):
        values = values.dictionary_decode()
    if not (pa.types.is_string(values.type) or pa.types.is_large_string(values.type) or pa.types.is_null(values.type)):
        raise TextError(f'column "{column}" holds {values.type}; expected strings', place=place)
    for value in values.to_pylist():
        if value is not None:
            yield value


_READERS: Mapping[str, Callable[..., Iterator[str]]] = {
    **dict.fromkeys(JSON_LINES, _json_lines),
    **dict.fromkeys(TABLES, _table),
    ".json": _json,
    ".parquet": _parquet,
}

"""What lies in a file that is said to be prose: binary files, JSON, tables, web pages and listings are not."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path

from app.errors import TextError

EXPECTED = "expected .txt, .jsonl, .ndjson, .json, .csv, .tsv or .parquet, also compressed (.gz, .bz2, .xz, .zst)"
HEAD_CHARACTERS = 1 << 16
LISTING_SHARE = 0.8

MAGIC: Mapping[bytes, str] = {
    b"%PDF-": "is a PDF file; extract its text first",
    b"{\\rtf": "is an RTF file; save it as plain text",
    b"PK\x03\x04": "is a ZIP archive, or a document in one; unpack it, or save it as plain text",
    b"\x1f\x8b": "is compressed with gzip; add .gz to its name",
    b"BZh": "is compressed with bzip2; add .bz2 to its name",
    b"\xfd7zXZ": "is compressed with xz; add .xz to its name",
    b"\x28\xb5\x2f\xfd": "is compressed with Zstandard; add .zst to its name",
    b"PAR1": "is a Parquet file; rename it to .parquet",
    b"\xff\xfe": "is in UTF-16; save it in UTF-8",
    b"\xfe\xff": "is in UTF-16; save it in UTF-8",
    b"SQLite format 3": "is a database; export its text first",
}
"""First bytes of a file -> what it is, and what to do."""

_HTML_LISTING = re.compile(r"<title>\s*(index of|directory listing|404|not found|access denied)", re.IGNORECASE)
_MARKUP = re.compile(r"\s*(<!doctype html|<html[\s>]|<\?xml\s)", re.IGNORECASE)
_LS_LINE = re.compile(r"(total \d+|[-dlbcps][-rwxsStT]{9}[.+@]?\s.*)")
_OBJECT = re.compile(r'\s*\[?\s*\{\s*"[^"\n]*"\s*:')
_HEADER = re.compile(r"\w+(?P<mark>[,;\t])(?:\w+(?P=mark))*\w+")
TABLE_LINES = 3


def refuse_magic(path: Path) -> None:
    """Raise TextError where the first bytes of a file are those of another kind."""
    try:
        with path.open("rb") as file:
            head = file.read(16)
    except OSError:
        return
    for magic, said in MAGIC.items():
        if head.startswith(magic):
            raise TextError(said, place=path)


def refuse_other_kinds(path: Path, content: str) -> None:
    """Raise TextError where the content of a `.txt` file is not prose."""
    head = content[:HEAD_CHARACTERS]
    if "\x00" in head:
        raise TextError(f"holds NUL bytes, so it is a binary file; {EXPECTED}", place=path)
    if _HTML_LISTING.search(head):
        raise TextError(
            "is a web server's page about a folder or an error, not the file itself; download it again", place=path
        )
    if _MARKUP.match(head):
        raise TextError("is a web page or XML, not prose; extract its text first", place=path)
    lines = [line for line in head.splitlines() if line.strip()]
    if len(lines) > 1 and sum(map(bool, map(_LS_LINE.fullmatch, lines))) >= LISTING_SHARE * len(lines):
        raise TextError("is the listing of a folder, not a text; name one of its files, or the folder", place=path)
    if content.lstrip()[:1] in ("{", "[") and _is_json(content):
        raise TextError(
            "holds JSON, not prose; rename it to .json or .jsonl so that its documents are found", place=path
        )
    if _is_table(lines):
        raise TextError("holds a table, not prose; rename it to .csv or .tsv so that its column is found", place=path)


def _is_table(lines: list[str]) -> bool:
    """Whether a first line of names is followed by lines with as many fields."""
    match = _HEADER.fullmatch(lines[0].strip()) if len(lines) > TABLE_LINES else None
    if match is None:
        return False
    n_marks = lines[0].count(match["mark"])
    return all(line.count(match["mark"]) == n_marks for line in lines[1 : TABLE_LINES + 1])


def _is_json(content: str) -> bool:
    """Whether the whole content, or its first line that is not blank, is a JSON object or list, or begins as one."""
    if _OBJECT.match(content):
        return True
    first = content.lstrip().split("\n", 1)[0]
    for text in (first, content):
        try:
            return isinstance(json.loads(text), dict | list)
        except (ValueError, RecursionError):
            continue
    return False

"""SAEs that are uploaded into the input folder: received apart, looked at, then moved there whole."""

from __future__ import annotations

import ast
import json
import re
import shutil
import time
import uuid
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import IO, Self

from app.disk import is_full
from app.errors import ConflictError, DiskFullError, QueryError, StoreError
from app.records.request import MAX_NAME, NAME_CHARACTERS, NAME_PATTERN
from app.sae.formats.names import FILES, format_in

UPLOADS = ("/saes/upload", "/api/v1/inputs")
"""Paths that SAEs are sent to."""
ENDINGS = (".json", ".safetensors", ".npz")
FILE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
MOST_FILES = 8
MOST_JSON_BYTES = 1 << 24
LEFT_S = 24 * 3600
"""A folder of an upload that is older than this was left by a process that is gone."""
_PARTIAL = ".partial"
_FOLDERS = {"final.safetensors": "checkpoints"}
"""Files that their format keeps in a folder; a browser sends only their last name."""


class Upload:
    """The files of one SAE on their way into the input folder; whatever is not moved is removed at the end.

    Args:
        input_dir: the input folder.

    Raises:
        StoreError: it can't be written.
    """

    def __init__(self, input_dir: Path) -> None:
        self._input_dir = input_dir
        self._folder = input_dir / f".upload-{uuid.uuid4().hex[:12]}{_PARTIAL}"
        self._open: IO[bytes] | None = None
        self._names: set[str] = set()

    def __enter__(self) -> Self:
        with _explained():
            self._input_dir.mkdir(parents=True, exist_ok=True)
            _remove_left(self._input_dir)
            self._folder.mkdir()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._open is not None:
            self._open.close()
        shutil.rmtree(self._folder, ignore_errors=True)

    def write(self, name: str, data: bytes, *, is_last: bool) -> None:
        """Take some bytes of a file. Raises QueryError for a name that is not taken, StoreError."""
        with _explained():
            if self._open is None:
                self._open = self._place(name).open("xb")
            self._open.write(data)
            if is_last:
                self._open.close()
                self._open = None

    def _place(self, name: str) -> Path:
        if not FILE_NAME.fullmatch(name) or not name.endswith(ENDINGS):
            expected = ", ".join(f"*{ending}" for ending in ENDINGS)
            raise QueryError(f"a file is named {name[:80]!r}; expected {expected}, without a folder", parameter="files")
        if name in self._names or len(self._names) >= MOST_FILES:
            problem = "is sent twice" if name in self._names else f"is one of more than {MOST_FILES}"
            raise QueryError(f"{name} {problem}; send each file of the SAE once", parameter="files")
        self._names.add(name)
        folder = self._folder / _FOLDERS.get(name, "")
        folder.mkdir(exist_ok=True)
        return folder / name

    def finish(self, name: str) -> Path:
        """Move the files to a folder of the input folder, all at once; returns it.

        Raises:
            QueryError: they are not the files of an SAE, or the name is not one.
            ConflictError: there is something of that name.
        """
        if not re.fullmatch(NAME_PATTERN, name) or len(name) > MAX_NAME:
            raise QueryError(
                f"name is {name[:80]!r}; expected {NAME_CHARACTERS}, a letter or digit first", parameter="name"
            )
        if format_in(self._folder) is None:
            formats = "; ".join(f"{key}: {' and '.join(files)}" for key, files in FILES.items() if files[-1] != "ae.pt")
            found = ", ".join(sorted(self._names)) or "none"
            raise QueryError(f"the files are {found}; expected those of one SAE ({formats})", parameter="files")
        for path in self._folder.rglob("*.*"):
            _check(path)
        target = self._input_dir / name
        if target.exists():
            raise ConflictError(f"the input folder has {name} already; choose another name")
        with _explained():
            self._folder.rename(target)
        return target


def _check(path: Path) -> None:
    """Refuse a file whose content is not what its name says. Raises QueryError."""
    try:
        problem = {".json": _json_problem, ".safetensors": _safetensors_problem, ".npz": _npz_problem}[path.suffix](
            path
        )
    except (OSError, ValueError, RecursionError, KeyError, TypeError, AttributeError, zipfile.BadZipFile, SyntaxError):
        problem = "is damaged or something else than its name says"
    if problem is not None:
        raise QueryError(f"{path.name} {problem}; send it again", parameter="files")


def _json_problem(path: Path) -> str | None:
    if path.stat().st_size > MOST_JSON_BYTES:
        return f"has more than {MOST_JSON_BYTES:,} bytes"
    is_object = isinstance(json.loads(path.read_text(encoding="utf-8-sig")), dict)
    return None if is_object else "is not a JSON object"


def _safetensors_problem(path: Path) -> str | None:
    """A safetensors file is a length, a header and exactly the bytes that the header names."""
    size = path.stat().st_size
    with path.open("rb") as file:
        n_header = int.from_bytes(file.read(8), "little")
        if n_header > min(size, MOST_JSON_BYTES):
            return "is not a safetensors file"
        header = json.loads(file.read(n_header))
    ends = [entry["data_offsets"][1] for name, entry in header.items() if name != "__metadata__"]
    expected = 8 + n_header + max(ends, default=0)
    return None if size == expected else f"has {size:,} bytes; its header says {expected:,}"


def _npz_problem(path: Path) -> str | None:
    """An npz file holds arrays of numbers; an array of objects would be a pickle."""
    with zipfile.ZipFile(path) as archive:
        for entry in archive.infolist():
            with archive.open(entry) as file:
                if not entry.filename.endswith(".npy") or file.read(6) != b"\x93NUMPY":
                    return f"holds {entry.filename[:80]!r}, which is not an array"
                width = 2 if file.read(2)[0] == 1 else 4
                header = file.read(int.from_bytes(file.read(width), "little")).decode("latin-1")
                described = ast.literal_eval(header.strip())["descr"]
            if not isinstance(described, str) or "O" in described:
                return f"holds {entry.filename[:80]!r}, which is not an array of numbers"
    return None


_CHECKS = {".json": _json_problem, ".safetensors": _safetensors_problem, ".npz": _npz_problem}


@contextmanager
def _explained() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if is_full(error):
            raise DiskFullError("the disk of the input folder is full; free some space there") from error
        raise StoreError(f"the input folder can't be written ({error.strerror})") from error


def _remove_left(input_dir: Path) -> None:
    for path in input_dir.glob(f".upload-*{_PARTIAL}"):
        if time.time() - path.stat().st_mtime > LEFT_S:
            shutil.rmtree(path, ignore_errors=True)

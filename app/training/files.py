"""Folders that are written whole or not at all."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from app.errors import SaeError


@contextmanager
def whole_folder(folder: Path) -> Iterator[Path]:
    """A temporary folder next to `folder`, which takes its name once it is written.

    Raises:
        SaeError: the folder exists already.
    """
    if folder.exists():
        raise SaeError("already exists; choose another folder or delete it first", place=folder)
    partial = folder.with_name(f"{folder.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    yield partial
    partial.rename(folder)

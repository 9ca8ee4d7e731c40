"""Errors of a full disk: which folder, how much space is missing, and what to do."""

from __future__ import annotations

import errno
import shutil
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

from app.errors import HedgescopeError

Error = TypeVar("Error", bound=HedgescopeError)

FULL = (errno.ENOSPC, errno.EDQUOT)
WORDS = ("no space left", "disk quota exceeded")


def is_full(error: BaseException) -> bool:
    """Whether the error means a full disk or an exhausted quota, even if only a library's message says so."""
    if isinstance(error, OSError) and error.errno in FULL:
        return True
    return any(words in str(error).lower() for words in WORDS)


def full(kind: type[Error], folder: Path, n_bytes: int, remedy: str, *, doing: str = "") -> Error:
    """The error of a full disk.

    Args:
        kind: of the error.
        folder: a folder on that disk; its free bytes are looked up now.
        n_bytes: how much was to be written.
        remedy: what to do.
        doing: what was being done, such as `while …`.
    """
    sizes = f"{n_bytes:,} bytes to write"
    with suppress(OSError):
        sizes += f", {shutil.disk_usage(existing(folder)).free:,} free"
    return kind(f"the disk is full{doing and ' '}{doing} ({sizes}); {remedy}", place=folder)


def existing(folder: Path) -> Path:
    """The folder, or its nearest parent that exists."""
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    return folder

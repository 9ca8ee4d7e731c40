"""Files that appear whole or not at all, and what killed writers leave behind."""

from __future__ import annotations

import fcntl
import os
import time
from contextlib import suppress
from pathlib import Path
from uuid import uuid4

from app.disk import full, is_full
from app.errors import ShardDiskFullError, ShardError

PARTIAL = ".partial"
"""Ending of a file that is still being written."""

REMEDY = (
    "free some space there (you can delete shards of finished comparisons), then run the command again or resume the "
    "job; it continues from the last whole shard"
)

GRACE_S = 5.0
"""A younger partial file is left alone: its writer may be between making it and locking it."""


def write_whole(path: Path, content: bytes) -> None:
    """All or nothing: a name of its own, flushed to the disk, then renamed.

    The partial file is locked while its writer lives; the system unlocks it when the writer is killed.

    Raises:
        ShardDiskFullError: the disk is full; nothing is left of the file.
        ShardError: it can't be written otherwise; nothing is left of it.
    """
    # Not the process's number: in containers that share a folder several have the same one.
    partial = path.with_name(f"{path.name}.{uuid4().hex[:12]}{PARTIAL}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with partial.open("wb") as handle:
            _lock(handle.fileno())
            handle.write(content)
            handle.flush()
            os.fsync(handle.fileno())
            partial.replace(path)
    except OSError as error:
        with suppress(OSError):
            partial.unlink()
        if is_full(error):
            raise full(ShardDiskFullError, path.parent, len(content), REMEDY) from error
        raise ShardError(f"can't be written ({error.strerror})", place=path) from error


def remove_leftovers(root: Path) -> list[Path]:
    """Remove the partial files below `root` whose writers are dead.

    Returns:
        What was removed.
    """
    removed = []
    for partial in root.glob(f"**/*{PARTIAL}"):
        with suppress(OSError):
            if partial.is_file() and time.time() - partial.stat().st_mtime > GRACE_S and _is_abandoned(partial):
                partial.unlink()
                removed.append(partial)
    return removed


def _is_abandoned(partial: Path) -> bool:
    with partial.open("rb") as handle:
        return _lock(handle.fileno())


def _lock(descriptor: int) -> bool:
    """Whether the file is locked for this process now; on a file system without locks it never is."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True

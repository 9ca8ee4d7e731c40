"""Files that are not what their name says."""

from __future__ import annotations

from pathlib import Path

LFS_HEAD = b"version https://git-lfs.github.com/spec/"
LFS_REMEDY = "is a Git LFS pointer, not the file itself; run `git lfs pull` in its folder, or download the file again"


def is_lfs_pointer(path: Path) -> bool:
    """Whether a file is the few lines that Git keeps in place of a large file; False where it can't be read."""
    try:
        with path.open("rb") as handle:
            return handle.read(len(LFS_HEAD)) == LFS_HEAD
    except OSError:
        return False

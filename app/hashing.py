"""SHA-256 of files."""

from __future__ import annotations

import hashlib
from pathlib import Path


def file_checksum(*paths: Path) -> str:
    """SHA-256 of one file (what `sha256sum` prints), or of several, one after the other."""
    digest = hashlib.sha256()
    for path in paths:
        with path.open("rb") as handle:
            while chunk := handle.read(1 << 20):
                digest.update(chunk)
    return digest.hexdigest()

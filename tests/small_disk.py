"""A disk that is soon full."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Self

import pytest


class SmallDisk:
    """A file system in memory while the `with` block runs; the test is skipped where none can be mounted.

    Attributes:
        folder: where it is, made for it.
    """

    def __init__(self, folder: Path, kib: int) -> None:
        self.folder = folder
        self._kib = kib

    def __enter__(self) -> Self:
        if not hasattr(os, "geteuid") or os.geteuid() != 0:
            pytest.skip("only root can mount a small disk")
        self.folder.mkdir()
        done = self._mount("-t", "tmpfs", "-o", f"size={self._kib}k", "tmpfs")
        if done.returncode:
            pytest.skip(f"no small disk can be mounted here: {done.stderr.strip()}")
        return self

    def __exit__(self, *_: object) -> None:
        subprocess.run(["umount", str(self.folder)], check=True)

    def grow(self, kib: int) -> None:
        """As if so much had been freed that this is its size."""
        done = self._mount("-o", f"remount,size={kib}k")
        assert done.returncode == 0, done.stderr

    def _mount(self, *options: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(["mount", *options, str(self.folder)], capture_output=True, text=True, check=False)

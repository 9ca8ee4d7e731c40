"""A disk that is soon full."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Self

import pytest

BLOCK = 4096


class SmallDisk:
    """A file system in memory while the `with` block runs; the test is skipped where none can be mounted.

    Attributes:
        folder: where it is, made for it.
    """

    def __init__(self, folder: Path, kib: int) -> None:
        self.folder = folder
        self._kib = kib
        self._ballast = folder / "ballast"

    def __enter__(self) -> Self:
        if not hasattr(os, "geteuid") or os.geteuid() != 0:
            pytest.skip("only root can mount a small disk")
        self.folder.mkdir()
        try:
            done = self._mount("-t", "tmpfs", "-o", f"size={self._kib}k", "tmpfs")
        except FileNotFoundError:
            pytest.skip("there is no `mount` here")
        if done.returncode:
            pytest.skip(f"no small disk can be mounted here: {done.stderr.strip()}")
        return self

    def __exit__(self, *_: object) -> None:
        # A process that is being killed may still hold a file there.
        subprocess.run(["umount", "--lazy", str(self.folder)], check=True)

    def fill(self, leaving: int = 0) -> None:
        """Take all space but `leaving` bytes, as another program's file would."""
        with self._ballast.open("ab", buffering=0) as file:
            try:
                while True:
                    file.write(bytes(BLOCK))
            except OSError:
                pass
            if leaving:
                file.truncate(max(0, file.tell() - leaving))

    def free(self) -> None:
        """Give back what `fill` took."""
        self._ballast.unlink()

    def _mount(self, *options: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(["mount", *options, str(self.folder)], capture_output=True, text=True, check=False)

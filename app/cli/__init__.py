"""The command line. Imports are inside the commands, so that `--help` and `serve` start fast."""

from __future__ import annotations

from app.cli.main import main

__all__ = ["main"]

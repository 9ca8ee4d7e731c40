"""The command line. Imports stand inside the commands, so that `--help` and `serve` stay quick."""

from __future__ import annotations

from app.cli.main import main

__all__ = ["main"]

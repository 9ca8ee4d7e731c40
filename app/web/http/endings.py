"""Endings of paths that stand for a file of data. The one list: rates, error pages and routes read it."""

from __future__ import annotations

from typing import Final

TABLES: Final = (".csv", ".ndjson", ".parquet")
"""Of every list."""

SAFETENSORS: Final = ".safetensors"
FILES: Final = (*TABLES, SAFETENSORS)
DATA: Final = (".json", *FILES)
"""What no browser shows as a page, errors included."""

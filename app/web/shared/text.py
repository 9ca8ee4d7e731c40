"""The text of a comparison."""

from __future__ import annotations

from collections.abc import Mapping

from app.records import TextRow


def tokens_of(rows: Mapping[int, TextRow], row: int, start: int, length: int) -> tuple[str, ...] | None:
    """The tokens of a stretch of a row; None where the comparison keeps no text."""
    return rows[row].tokens[start : start + length] if row in rows else None

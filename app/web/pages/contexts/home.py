"""What `/` shows."""

from __future__ import annotations

from dataclasses import dataclass

from app.records import (
    ComparisonSummary,
)
from app.web.pages.contexts.common import Frame


@dataclass(frozen=True)
class ComparisonRow:
    """A comparison in the list of all; `median_score` is None if no latent has a score."""

    summary: ComparisonSummary
    median_score: float | None


@dataclass(frozen=True)
class HomePage:
    """All comparisons, newest first."""

    frame: Frame
    rows: tuple[ComparisonRow, ...]

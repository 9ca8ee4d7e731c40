"""What `/c/{slug}/levels` shows."""

from __future__ import annotations

from dataclasses import dataclass

from app.records import (
    ComparisonSummary,
)
from app.web.pages.contexts.common import Frame
from app.web.shared.figures.plot import Plot


@dataclass(frozen=True)
class LevelsPage:
    """Both SAEs, Matryoshka level by level."""

    frame: Frame
    summary: ComparisonSummary
    plots: tuple[Plot, ...]

"""What `/c/{slug}/degree` shows."""

from __future__ import annotations

from dataclasses import dataclass

from app.catalogue import ScoreSpec
from app.records import (
    ComparisonSummary,
    DegreeRecord,
)
from app.scores.rank_correlation import RankCorrelation
from app.web.pages.contexts.common import Frame
from app.web.shared.figures.plot import Plot


@dataclass(frozen=True)
class DegreePage:
    """The paper's hedging degree of a comparison's narrow SAE, compared with its hedging scores.

    Attributes:
        degrees: as measured, the one stored last first; empty if none was.
        correlation: rank correlation over latents of the first one with the hedging scores.
        scatter: plot of the first one, one point a latent, against the field `axis`, which is one of `axes`.
    """

    frame: Frame
    summary: ComparisonSummary
    degrees: tuple[DegreeRecord, ...]
    correlation: RankCorrelation | None
    scatter: Plot | None
    axis: str
    axes: tuple[ScoreSpec, ...]

"""What the page of a pair of latents shows."""

from __future__ import annotations

from dataclasses import dataclass

from app.records import (
    ComparisonSummary,
    FiringTable,
    LatentScores,
    Overlap,
    Partner,
)
from app.web.pages.contexts.common import Frame, ShownContext
from app.web.shared.figures.plot import Plot


@dataclass(frozen=True)
class PairPage:
    """A narrow latent and a reference latent.

    Attributes:
        partner: the evidence, where the reference latent is a partner of the narrow one.
        firing, overlap, decoder_cosine: None where the comparison keeps no counts of this pair; `note` says so.
        joint: joint histogram of their activations, where stored.
    """

    frame: Frame
    summary: ComparisonSummary
    narrow: LatentScores
    reference: LatentScores
    partner: Partner | None
    decoder_cosine: float | None
    firing: FiringTable | None
    overlap: Overlap | None
    note: str | None
    joint: Plot | None
    contexts: tuple[ShownContext, ...]
    highlight: str

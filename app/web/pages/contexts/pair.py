"""What the page of a pair of latents shows."""

from __future__ import annotations

from dataclasses import dataclass

from app.records import (
    ComparisonSummary,
    FiringTable,
    LatentScores,
    Overlap,
    PairRelease,
    Partner,
)
from app.web.pages.contexts.common import Frame, ShownContext
from app.web.shared.figures.plot import Plot
from app.web.shared.interventions import StoredIntervention


@dataclass(frozen=True)
class CellLinks:
    """Pages that show contexts of a pair's cells."""

    both: str
    narrow_only: str
    reference_only: str


@dataclass(frozen=True)
class PairPage:
    """A narrow latent and a reference latent.

    Attributes:
        partner: the evidence, where the reference latent is a partner of the narrow one.
        firing, overlap, decoder_cosine: None where the comparison keeps no counts of this pair; `note` says so.
        release: what the newest intervention measured of the pair, and `intervention` that one; None without.
        cells: links to contexts of the four cells of the firing table; None where they aren't kept.
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
    intervention: StoredIntervention | None
    release: PairRelease | None
    cells: CellLinks | None
    joint: Plot | None
    contexts: tuple[ShownContext, ...]
    highlight: str

"""What `/c/{slug}/intervention` shows."""

from __future__ import annotations

from dataclasses import dataclass

from app.records import ComparisonSummary, FallSummary, PairRelease
from app.web.pages.contexts.common import Frame
from app.web.shared.figures.plot import Plot
from app.web.shared.interventions import StoredIntervention


@dataclass(frozen=True)
class FallRow:
    """How a group of pairs fell.

    Attributes:
        pairs: which ones, in words.
        partner: whether the runs added their partner, in words.
        falls: the figures.
    """

    pairs: str
    partner: str
    falls: FallSummary


@dataclass(frozen=True)
class InterventionPage:
    """An intervention on a comparison.

    Attributes:
        interventions: all of them, the one stored last first; empty where there is none.
        shown: the one that the page is about.
        falls: its named and its other pairs, added and not.
        scatter: release against predicted mass.
        top: the named pairs that released most.
    """

    frame: Frame
    summary: ComparisonSummary
    interventions: tuple[StoredIntervention, ...]
    shown: StoredIntervention | None
    falls: tuple[FallRow, ...]
    scatter: Plot | None
    top: tuple[PairRelease, ...]

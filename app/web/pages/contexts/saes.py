"""What `/saes` and the page of one SAE show."""

from __future__ import annotations

from dataclasses import dataclass

from app.records import ComparisonSummary, DegreeRecord, SaeRecord, Side, SideSummary
from app.web.pages.contexts.common import Frame
from app.web.shared.figures.plot import Plot
from app.web.shared.interventions import StoredIntervention


@dataclass(frozen=True)
class SaesPage:
    """The registered SAEs."""

    frame: Frame
    saes: tuple[SaeRecord, ...]


@dataclass(frozen=True)
class SaeUse:
    """A comparison in which an SAE, or a prefix of it, takes part.

    Attributes:
        side: that it takes.
        own, other: what the comparison found of it, and of the SAE that it is compared with.
    """

    summary: ComparisonSummary
    side: Side
    own: SideSummary
    other: SideSummary


@dataclass(frozen=True)
class MeasuredRelease:
    """The newest intervention on a comparison."""

    summary: ComparisonSummary
    intervention: StoredIntervention


@dataclass(frozen=True)
class SaePage:
    """One SAE as a report card.

    Attributes:
        is_registered: False where it is known only from its comparisons.
        uses: those, newest first.
        measured: the comparison of the whole SAE with the most tokens, whose numbers stand for it; None without one.
        plots: distributions of its scores and of c_dec, as far as a comparison has them.
        degree: the newest hedging degree; None where none is stored.
        degree_slug: a comparison whose page shows it; None without one.
        releases: what interventions measured, for each comparison that has one.
    """

    frame: Frame
    sae: SaeRecord
    is_registered: bool
    uses: tuple[SaeUse, ...]
    measured: SaeUse | None
    plots: tuple[Plot, ...]
    degree: DegreeRecord | None
    degree_slug: str | None
    releases: tuple[MeasuredRelease, ...]

"""What `/saes` and the page of one SAE show."""

from __future__ import annotations

from dataclasses import dataclass

from app.records import ComparisonSummary, SaeRecord, Side, SideSummary
from app.web.pages.contexts.common import Frame


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
class SaePage:
    """One SAE; `is_registered` is False where it is known only from its comparisons, newest first in `uses`."""

    frame: Frame
    sae: SaeRecord
    is_registered: bool
    uses: tuple[SaeUse, ...]

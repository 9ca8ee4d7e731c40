"""Everything computed for a comparison, before it is put into records."""

from __future__ import annotations

from dataclasses import dataclass

from app.scores.compare import FoundPartners
from app.scores.latent_records import ScoreRecords
from app.scores.weights import ComparedWeights
from app.stats.collect import Statistics
from app.stats.partner_counts import PartnerCounts


@dataclass(frozen=True)
class Results:
    """Results of all steps.

    Attributes:
        counts: of the partners.
        tokens: row of the text -> its tokens, of the rows that pages show.
        records: latents and partners with their scores.
    """

    weights: ComparedWeights
    statistics: Statistics
    found: FoundPartners
    counts: PartnerCounts
    tokens: dict[int, tuple[str, ...]]
    records: ScoreRecords

"""Everything computed for a comparison, before it is put into records."""

from __future__ import annotations

from dataclasses import dataclass

from app.pipeline.show.text import ShownText
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
        text: what is shown of the text.
        records: latents and partners with their scores.
    """

    weights: ComparedWeights
    statistics: Statistics
    found: FoundPartners
    counts: PartnerCounts
    text: ShownText
    records: ScoreRecords

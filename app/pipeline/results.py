"""Everything computed for a comparison, before it is put into records."""

from __future__ import annotations

from dataclasses import dataclass

from app.activations.logits import LogitLens
from app.pipeline.passes import PartnerCounts
from app.pipeline.show.activations import ShownActivations
from app.scores.compare import FoundPartners
from app.scores.latent_records import ScoreRecords
from app.scores.weights import ComparedWeights
from app.stats.collect import Statistics


@dataclass(frozen=True)
class Results:
    """Results of all steps.

    Attributes:
        records: latents and partners with their scores.
        tokens: row of the text -> its tokens, of the rows that pages show.
        lens: None where there is no model.
    """

    weights: ComparedWeights
    statistics: Statistics
    found: FoundPartners
    counts: PartnerCounts
    records: ScoreRecords
    shown: ShownActivations
    tokens: dict[int, tuple[str, ...]]
    lens: LogitLens | None

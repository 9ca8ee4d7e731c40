"""Everything computed for a comparison, before it is put into records."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from app.arrays import Float32s
from app.pipeline.show.text import ShownText
from app.records import PairProfile
from app.scores.compare import ScoredComparison
from app.scores.latent_records import ScoreRecords
from app.scores.weights import ComparedWeights
from app.stats.collect import Statistics


@dataclass(frozen=True)
class Results:
    """Results of all steps.

    Attributes:
        scored: as arrays; records: the same of each latent and partner.
        corrected: `[n_narrow, d_in]` narrow rows without what is mixed in.
        text: what is shown of the text.
        profiles: of each narrow latent, made while they are stored.
    """

    weights: ComparedWeights
    statistics: Statistics
    scored: ScoredComparison
    corrected: Float32s
    text: ShownText
    records: ScoreRecords
    profiles: Iterator[PairProfile]

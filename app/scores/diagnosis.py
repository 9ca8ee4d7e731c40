"""What a latent and its partners are called. `hedgescope validate` prints how often that is right."""

from __future__ import annotations

from dataclasses import dataclass

from app.records import LatentDiagnosis, PartnerDiagnosis

MIN_PERCENTILE = 0.95
"""A best cosine below this percentile of random directions' is not a match: the latent is novel."""

MIN_SCORE = 0.05
"""A latent is called hedged from this share of its squared length on, however low the chance level is."""

SPLIT_COSINE = 0.8
"""A partner this close to the main partner's direction is a part of it, not another one."""


def diagnose_partner(*, rank: int, named: bool, absorbs: bool, cosine_to_main: float) -> PartnerDiagnosis:
    """The role of one partner.

    Args:
        rank: 0 for the main partner.
        named: whether it is a term of the hedging score.
        absorbs: whether it has taken over the narrow latent's feature on part of its tokens.
        cosine_to_main: of its decoder row and the main partner's.
    """
    if rank == 0:
        return "main"
    if absorbs:
        return "absorbed"
    if named:
        return "hedged"
    return "split" if cosine_to_main >= SPLIT_COSINE else "unexplained"


@dataclass(frozen=True)
class ScoreFindings:
    """What the hedging score says of a latent.

    Attributes:
        low, high: 95 % interval of the score.
        chance: its chance level.
    """

    low: float
    high: float
    chance: float

    @property
    def diagnosis(self) -> LatentDiagnosis:
        """hedged where the whole interval lies above chance level and `MIN_SCORE`, clean where none of it does."""
        bar = max(MIN_SCORE, self.chance)
        if self.low > bar:
            return "hedged"
        return "uncertain" if self.high > bar else "clean"


def diagnose_latent(
    *, n_firings: int, percentile: float | None, findings: ScoreFindings | None, absorbed: bool
) -> LatentDiagnosis | None:
    """The diagnosis of a narrow latent; None where no score decides.

    Args:
        percentile: of its best cosine among random directions'.
        findings: None where it has no score.
        absorbed: whether another latent has taken over part of its feature's tokens.
    """
    if n_firings == 0:
        return "dead"
    if percentile is not None and percentile < MIN_PERCENTILE:
        return "novel"
    if absorbed:
        return "absorbed"
    return None if findings is None else findings.diagnosis

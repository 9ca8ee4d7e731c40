"""What a latent and its partners are called. `hedgescope validate` prints how often that is right."""

from __future__ import annotations

from app.records import LatentDiagnosis, PartnerDiagnosis

MIN_PERCENTILE = 0.95
"""A best cosine below this percentile of random directions' is not a match: the latent is novel."""

MIN_SCORE = 0.1
"""From this score on a latent is called hedged: a tenth of its squared length is not its own feature."""

SPLIT_COSINE = 0.8
"""A partner this close to the main partner's direction is a part of it, not another one."""


def diagnose_partner(*, rank: int, hedged: bool, absorbs: bool, cosine_to_main: float) -> PartnerDiagnosis:
    """The role of one partner.

    Args:
        rank: 0 for the main partner.
        hedged: whether its sign agrees with significant co-firing and its share is large enough.
        absorbs: whether it has taken over the narrow latent's feature on part of its tokens.
        cosine_to_main: of its decoder row and the main partner's.
    """
    if rank == 0:
        return "main"
    if absorbs:
        return "absorbed"
    if cosine_to_main >= SPLIT_COSINE:
        return "split"
    return "hedged" if hedged else "unexplained"


def diagnose_latent(
    *, n_firings: int, percentile: float | None, score: float | None, absorbed: bool
) -> LatentDiagnosis | None:
    """The diagnosis of a narrow latent; None where no score decides.

    Args:
        percentile: of its best cosine among random directions'.
        absorbed: whether another latent has taken over part of its feature's tokens.
    """
    if n_firings == 0:
        return "dead"
    if percentile is not None and percentile < MIN_PERCENTILE:
        return "novel"
    if absorbed:
        return "absorbed"
    if score is None:
        return None
    return "hedged" if score >= MIN_SCORE else "clean"

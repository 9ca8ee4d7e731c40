"""A stored hedging degree, compared with the scores of a comparison of the same SAE."""

from __future__ import annotations

from sqlalchemy import Engine

from app.errors import ScoringError
from app.records import DegreeRecord, SaeRecord
from app.scores.rank_correlation import RankCorrelation, partial_spearman, spearman
from app.store.page import LatentQuery, iter_latents


def check_belongs(record: DegreeRecord, sae: SaeRecord, slug: str) -> None:
    """Refuse a degree that was measured on another SAE.

    Raises:
        ScoringError: the weights, or the number of latents, are not the SAE's.
    """
    if record.parent_checksum != sae.checksum or record.n_latents != sae.d_sae:
        raise ScoringError(
            f"{slug}: its narrow SAE {sae.name} ({sae.d_sae:,} latents, weights {sae.checksum[:12]}) is not the one "
            f"that the pair was made from ({record.n_latents:,} latents, weights {record.parent_checksum[:12]}); "
            "give a comparison of that one, or only --store"
        )


def score_correlation(engine: Engine, slug: str, record: DegreeRecord) -> tuple[RankCorrelation, RankCorrelation]:
    """Rank correlation over latents of the hedging score and the degree, then at equal mean activation."""
    latents = list(iter_latents(engine, slug, LatentQuery("narrow", sort="index")))
    scores, degrees = [latent.hedging_score for latent in latents], [latent.degree for latent in record.latents]
    activations = [latent.mean_activation for latent in latents]
    return spearman(scores, degrees), partial_spearman(scores, degrees, activations)

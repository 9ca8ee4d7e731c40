"""A stored hedging degree beside a comparison of the same SAE."""

from __future__ import annotations

from sqlalchemy import Engine

from app.errors import ScoringError
from app.records import ComparisonSummary, DegreeRecord, SaeRecord
from app.store.degrees import degrees_of
from app.store.page import LatentQuery, iter_latents
from app.web.rank_correlation import RankCorrelation, spearman


def degrees_in(engine: Engine, summary: ComparisonSummary) -> list[DegreeRecord]:
    """The degrees measured on a comparison's narrow SAE, the one stored last first."""
    return degrees_of(engine, summary.narrow.sae.checksum, summary.narrow.sae.d_sae)


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


def scores_of(engine: Engine, slug: str) -> list[float | None]:
    """The hedging scores of a comparison's narrow latents, by index."""
    latents = iter_latents(engine, slug, LatentQuery("narrow", sort="index"))
    return [latent.hedging_score for latent in latents]


def score_correlation(engine: Engine, slug: str, record: DegreeRecord) -> RankCorrelation:
    """Rank correlation over latents of the hedging score and the degree."""
    return spearman(scores_of(engine, slug), [latent.degree for latent in record.latents])

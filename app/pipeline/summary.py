"""What a comparison says as a whole."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from app.pipeline.passes import SideStatistics
from app.records import LatentScores, LevelSummary, NullSummary, SaeRecord, SideSummary
from app.scores.geometry import Null

QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
N_BINS = 20


def side_summary(
    sae: SaeRecord, widths: Sequence[int], statistics: SideStatistics, latents: Sequence[LatentScores]
) -> SideSummary:
    """One SAE on the comparison's tokens."""
    firing = statistics.firing
    levels = []
    inner = 0
    for level, width in enumerate(widths):
        group = latents[inner:width]
        scores = [latent.hedging_score for latent in group if latent.hedging_score is not None]
        levels.append(
            LevelSummary(
                level=level,
                width=width,
                n_latents=width - inner,
                n_dead=int((firing.n_firings[inner:width] == 0).sum()),
                l0=float(firing.n_firings[inner:width].sum() / firing.n_tokens),
                explained_variance=statistics.explained.per_level[level],
                mean_hedging_score=float(np.mean(scores)) if scores else None,
                n_hedged=sum(latent.diagnosis == "hedged" for latent in group),
            )
        )
        inner = width
    return SideSummary(
        sae=sae,
        l0=float(firing.n_firings.sum() / firing.n_tokens),
        explained_variance=statistics.explained.per_level[-1],
        n_dead=int((firing.n_firings == 0).sum()),
        levels=tuple(levels),
    )


def null_summary(null: Null, n_latents: int) -> NullSummary:
    """The null as pages show it."""
    best = null.best.astype(np.float64)
    return NullSummary(
        len(best), n_latents, float(best.mean()), float(best.std(ddof=1)), float(np.quantile(best, 0.95))
    )


def score_distribution(latents: Sequence[LatentScores]) -> tuple[dict[str, float], tuple[int, ...], int]:
    """(quantiles, histogram over 20 equal bins of [0, 1], number of scored latents)."""
    scores = np.array([latent.hedging_score for latent in latents if latent.hedging_score is not None], dtype=float)
    counts = tuple(np.histogram(scores, bins=N_BINS, range=(0, 1))[0].tolist())
    if not len(scores):
        return {}, counts, 0
    return {f"{q:g}": float(np.quantile(scores, q)) for q in QUANTILES}, counts, len(scores)

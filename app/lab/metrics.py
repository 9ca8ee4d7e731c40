"""How well a score separates impure latents from pure ones.

AUROC and average precision are written out, since nothing that is installed anyway brings scikit-learn; a test holds
both to hand-worked cases.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata, spearmanr

from app.arrays import Float64s

FALSE_ALARMS = 0.05


@dataclass(frozen=True)
class Quality:
    """Of one score on some latents; None where it is undefined, as without impure latents.

    Attributes:
        n, n_impure: latents, of which impure.
        auroc: probability that an impure latent scores above a pure one (ties count half).
        average_precision: mean precision over the impure latents, from the highest score down.
        spearman: rank correlation with the impurity itself.
        detected: share of impure latents above the 95 % quantile of the pure ones.
        error: mean absolute difference of score and impurity.
    """

    n: int
    n_impure: int
    auroc: float | None
    average_precision: float | None
    spearman: float | None
    detected: float | None
    error: float


def quality(score: Float64s, impurity: Float64s, impure: NDArray[np.bool_]) -> Quality:
    """Measure one score; all arguments `[n]`."""
    both = bool(impure.any() and not impure.all())
    varied = len(score) > 2 and np.ptp(score) > 0 and np.ptp(impurity) > 0
    return Quality(
        n=len(score),
        n_impure=int(impure.sum()),
        auroc=auroc(score, impure) if both else None,
        average_precision=average_precision(score, impure) if impure.any() else None,
        spearman=float(spearmanr(score, impurity).statistic) if varied else None,
        detected=float((score[impure] > np.quantile(score[~impure], 1 - FALSE_ALARMS)).mean()) if both else None,
        error=float(np.abs(score - impurity).mean()),
    )


def auroc(score: Float64s, positive: NDArray[np.bool_]) -> float:
    """Area under the receiver operating characteristic, as the Mann-Whitney statistic."""
    n = int(positive.sum())
    ranks = rankdata(score)
    return float((ranks[positive].sum() - n * (n + 1) / 2) / (n * (len(score) - n)))


def average_precision(score: Float64s, positive: NDArray[np.bool_]) -> float:
    """Mean over the positives of the precision down to each; tied ones share one place."""
    order = np.argsort(-score, kind="stable")
    hits, ordered = np.cumsum(positive[order]), score[order]
    # Of tied latents none comes first: all have the precision at the end of the tie.
    last = np.searchsorted(-ordered, -ordered, side="right")
    return float((hits[last - 1] / last)[positive[order]].mean())


def calibration(
    score: Float64s, impurity: Float64s, edges: tuple[float, ...]
) -> list[tuple[float, float, int, float | None, float | None]]:
    """(from, to, latents, mean score, mean impurity) for each bin of the score."""
    rows = []
    for low, high in pairwise(edges):
        inside = (score >= low) & ((score < high) | (high >= edges[-1]))
        means = (float(score[inside].mean()), float(impurity[inside].mean())) if inside.any() else (None, None)
        rows.append((low, high, int(inside.sum()), *means))
    return rows


@dataclass(frozen=True)
class Lead:
    """How far one score's AUROC lies above another's on the same latents: negative where it is worse.

    Attributes:
        low, high: 95 % percentile interval of a bootstrap over the latents.
    """

    difference: float
    low: float
    high: float


def lead(score: Float64s, other: Float64s, impure: NDArray[np.bool_], *, draws: int = 2000) -> Lead:
    """Compare two scores of the same latents, of which some are impure and some are not.

    Impure and pure latents are drawn apart, so that each draw has both. Source: Efron & Tibshirani,
    *An Introduction to the Bootstrap* (1993), section 13.3.
    """
    rng = np.random.default_rng(0)
    kinds = np.flatnonzero(impure), np.flatnonzero(~impure)
    found = []
    for _ in range(draws):
        drawn = np.concatenate([rng.choice(kind, len(kind)) for kind in kinds])
        found.append(auroc(score[drawn], impure[drawn]) - auroc(other[drawn], impure[drawn]))
    low, high = np.quantile(found, (0.025, 0.975))
    return Lead(auroc(score, impure) - auroc(other, impure), float(low), float(high))

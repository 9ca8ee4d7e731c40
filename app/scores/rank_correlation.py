"""Spearman's rank correlation of two columns of numbers, with an interval. No numpy: the dashboard has none."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from app.scores.confidence import Z_95

MIN_PAIRS = 10
"""Fewer pairs give no interval worth showing."""


@dataclass(frozen=True)
class RankCorrelation:
    """Spearman's rho.

    Attributes:
        n: pairs in which both numbers are there.
        rho: in [-1, 1].
        low, high: ends of its 95 % interval.
        reason: why the three are None.
    """

    n: int
    rho: float | None
    low: float | None
    high: float | None
    reason: str | None = None


def spearman(first: Sequence[float | None], second: Sequence[float | None]) -> RankCorrelation:
    """Rank correlation of the pairs in which neither is None; ties have the mean of their ranks.

    The interval is Fisher's, z = artanh(rho), with the standard error sqrt((1 + rho²/2) / (n − 3)) of
    Bonett & Wright, *Sample size requirements for estimating Pearson, Kendall and Spearman
    correlations*, Psychometrika 65 (2000).
    """
    pairs = [(a, b) for a, b in zip(first, second, strict=True) if a is not None and b is not None]
    n = len(pairs)
    if n < MIN_PAIRS:
        return RankCorrelation(n, None, None, None, f"{n} latents have both numbers; at least {MIN_PAIRS} are needed")
    x, y = ranks([a for a, _ in pairs]), ranks([b for _, b in pairs])
    rho = _pearson(x, y)
    if rho is None:
        return RankCorrelation(n, None, None, None, "one of the two is the same for all latents")
    return RankCorrelation(n, rho, *_interval(rho, n))


def _interval(rho: float, n: int) -> tuple[float, float]:
    if abs(rho) >= 1 - 1e-12:
        return rho, rho
    error = Z_95 * math.sqrt((1 + rho**2 / 2) / (n - 3))
    z = math.atanh(rho)
    return math.tanh(z - error), math.tanh(z + error)


def partial_spearman(
    first: Sequence[float | None], second: Sequence[float | None], given: Sequence[float | None]
) -> RankCorrelation:
    """Rank correlation of two columns with what both share with a third taken out: of latents alike in `given`.

    The partial correlation of the ranks (Kendall, *Partial rank correlation*, Biometrika 32 (1942), for
    Spearman's ranks); its interval is that of `spearman` for one row fewer.
    """
    rows = [row for row in zip(first, second, given, strict=True) if None not in row]
    n = len(rows)
    if n < MIN_PAIRS:
        return RankCorrelation(n, None, None, None, f"{n} latents have all numbers; at least {MIN_PAIRS} are needed")
    x, y, z = (ranks([row[column] or 0.0 for row in rows]) for column in range(3))
    xy, xz, yz = _pearson(x, y), _pearson(x, z), _pearson(y, z)
    if xy is None or xz is None or yz is None or max(abs(xz), abs(yz)) >= 1 - 1e-12:
        return RankCorrelation(n, None, None, None, "one of them is the same for all latents, or tells another's rank")
    rho = (xy - xz * yz) / math.sqrt((1 - xz**2) * (1 - yz**2))
    return RankCorrelation(n, rho, *_interval(rho, n - 1))


def ranks(values: Sequence[float]) -> list[float]:
    """Ranks from 1, equal values sharing the mean of theirs."""
    order = sorted(range(len(values)), key=values.__getitem__)
    found = [0.0] * len(values)
    start = 0
    while start < len(order):
        stop = start
        while stop < len(order) and values[order[stop]] == values[order[start]]:
            stop += 1
        for place in order[start:stop]:
            found[place] = (start + 1 + stop) / 2
        start = stop
    return found


def _pearson(x: Sequence[float], y: Sequence[float]) -> float | None:
    mean_x, mean_y = math.fsum(x) / len(x), math.fsum(y) / len(y)
    dx, dy = [a - mean_x for a in x], [b - mean_y for b in y]
    scale = math.sqrt(math.fsum(a * a for a in dx) * math.fsum(b * b for b in dy))
    if scale == 0:
        return None
    return max(-1.0, min(1.0, math.fsum(a * b for a, b in zip(dx, dy, strict=True)) / scale))

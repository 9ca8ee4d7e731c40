"""Overlap of one pair of latents from its firing counts, in plain Python.

`app.scores.overlap` has the same formulas for whole arrays; the dashboard runs without numpy. A test
holds the two together.
"""

from __future__ import annotations

from math import sqrt

from app.records import FiringTable, Overlap
from app.scores.confidence import Z_95


def firing_table(n_both: int, n_narrow: int, n_reference: int, n_tokens: int) -> FiringTable:
    """The 2×2 table of a pair from its margins."""
    return FiringTable(
        both=n_both,
        narrow_only=n_narrow - n_both,
        reference_only=n_reference - n_both,
        neither=n_tokens - n_narrow - n_reference + n_both,
    )


def overlap(table: FiringTable) -> Overlap:
    """Overlap of a pair; None wherever a denominator is zero."""
    both = table.both
    i, j = both + table.narrow_only, both + table.reference_only
    t = i + j - both + table.neither
    expected = i * j / t if t else 0.0
    spread = expected * (1 - i / t) * (1 - j / t) if t else 0.0
    jaccard_low, jaccard_high = wilson(both, i + j - both)
    given_low, given_high = wilson(both, i)
    return Overlap(
        jaccard=_ratio(both, i + j - both),
        jaccard_low=jaccard_low,
        jaccard_high=jaccard_high,
        p_j_given_i=_ratio(both, i),
        p_j_given_i_low=given_low,
        p_j_given_i_high=given_high,
        p_i_given_j=_ratio(both, j),
        lift=_ratio(both, expected),
        phi=_ratio(both - expected, sqrt(spread * t)),
        # Hypergeometric variance: i of t tokens drawn, j of them marked.
        z=_ratio(both - expected, sqrt(spread * t / max(t - 1, 1))),
    )


def wilson(successes: int, trials: int) -> tuple[float, float] | tuple[None, None]:
    """95 % Wilson score interval of a share; None where there is no trial.

    Source: E. B. Wilson, *J. Am. Stat. Assoc.* 22 (1927) 209.
    """
    if trials == 0:
        return None, None
    p, z2 = successes / trials, Z_95**2 / trials
    centre = (p + z2 / 2) / (1 + z2)
    half = Z_95 / (1 + z2) * sqrt(p * (1 - p) / trials + z2 / (4 * trials))
    return max(0.0, centre - half), min(1.0, centre + half)


def _ratio(numerator: float, denominator: float) -> float | None:
    return numerator / denominator if denominator else None

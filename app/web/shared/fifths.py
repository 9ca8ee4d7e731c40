"""A latent's firings in fifths of whole bins, as their contexts were chosen."""

from __future__ import annotations

from itertools import accumulate, pairwise
from typing import NamedTuple

from app.records import LogHistogram

N_FIFTHS = 5


class Fifth(NamedTuple):
    """A fifth of the firings: its activations, and how many tokens there are."""

    low: float
    high: float
    n: int


def fifths(histogram: LogHistogram) -> tuple[Fifth, ...]:
    """From the weakest to the strongest; one may be empty where the firings lie in few bins.

    An inner edge is the bin edge whose number of firings below is nearest to a multiple of a fifth of all, the lower
    one on a tie: the same as in `app.stats.histograms.quantile_edges`.
    """
    below = [0, *accumulate(histogram.counts)]
    inner = [
        min(range(len(below)), key=lambda k: (abs(N_FIFTHS * below[k] - q * below[-1]), k)) for q in range(1, N_FIFTHS)
    ]
    ends = [0, *inner, len(histogram.counts)]
    return tuple(
        Fifth(histogram.edges[first], histogram.edges[last], below[last] - below[first])
        for first, last in pairwise(ends)
    )

"""Sums of products of activations over a sample, group by group, where a table of all pairs of latents is small.

Regressions on few latents each are then lookups. Wider SAEs have no such table: each product that is needed is
computed by itself.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from app.arrays import Float32s, Float64s
from app.scores.sample_groups import PARTS, MapFunction
from app.stats.input_sample import N_GROUPS, Sample

MAX_PAIRS = 1 << 24
"""Pairs of latents up to which there are tables: four groups of them are 268 MB of float32, 537 MB of float64."""


@dataclass(frozen=True)
class SampleProducts:
    """Sums over the tokens of each group, `[N_GROUPS, latents, latents]`.

    Attributes:
        crossed: of narrow with reference latents; reference: of reference latents with one another.
        n_tokens: `[N_GROUPS]`; narrow_sum, reference_sum: `[N_GROUPS, latents]` of the activations alone.
    """

    crossed: Float64s
    reference: Float32s
    n_tokens: Float64s
    narrow_sum: Float64s
    reference_sum: Float64s

    def centred(self, part: int) -> Float64s:
        """`[n, m]` sums of products over a part of the tokens, whose activations are centred."""
        groups = list(PARTS[part])
        sums, other = self.narrow_sum[groups].sum(axis=0), self.reference_sum[groups].sum(axis=0)
        total: Float64s = self.crossed[groups].sum(axis=0)
        total -= np.outer(sums, other / self.n_tokens[groups].sum())
        return total


def sample_products(sample: Sample, map_function: MapFunction = map) -> SampleProducts | None:
    """The tables of a sample; None where they would be too large.

    Args:
        map_function: applied to the groups, such as the `map` of a pool.
    """
    n, m = sample.narrow.shape[1], sample.reference.shape[1]
    if max(n, m) * m > MAX_PAIRS:
        return None
    found = SampleProducts(
        crossed=np.empty((N_GROUPS, n, m)),
        reference=np.empty((N_GROUPS, m, m), dtype=np.float32),
        n_tokens=np.diff(sample.bounds).astype(np.float64),
        narrow_sum=np.empty((N_GROUPS, n)),
        reference_sum=np.empty((N_GROUPS, m)),
    )

    def add(g: int) -> None:
        # Regressions follow, which make rounding errors of these sums larger: float32 would be seen in the scores.
        tokens = sample.group(g)
        narrow, reference = (rows[tokens].astype(np.float64) for rows in (sample.narrow_rows, sample.reference_rows))
        found.crossed[g] = (narrow.T.tocsr() @ reference).toarray()
        found.reference[g] = (reference.T.tocsr() @ reference).toarray()
        found.narrow_sum[g], found.reference_sum[g] = narrow.sum(axis=0), reference.sum(axis=0)

    list(map_function(add, range(N_GROUPS)))
    return found

"""The hedging score: a sum of mixed masses over named partners.

    M_ij        mixed mass of reference latent j in narrow latent i           (masses.py)
    named       M_ij >= MIN_MASS, and evidence that is significant at a false discovery rate of 5 %
    score_i  =  sum over named partners j of M_ij, at most 1

A latent without a named partner has score 0. Next to it stand a 95 % interval (a jackknife over four groups of rows)
and the comparison's chance level: the same sum with each decoder row replaced by that of another latent of similar
density, and residual evidence against the sign of co-firing; a label needs a score above its 95 % point.

Three passes over the narrow latents, so that no table of all pairs is ever held, and one large inverse at a time:
candidates with both halves' weights, then each group's weights of the candidates alone, then the masses.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import chain

import numpy as np
from threadpoolctl import threadpool_limits

from app.arrays import Flags, Float32s
from app.progress import Progress, silent
from app.records import BySide
from app.scores.mixing.candidates import Candidates, CandidateSearch
from app.scores.mixing.composition import Composition
from app.scores.mixing.evidence import Evidence, EvidenceFinder
from app.scores.mixing.inference import like_density
from app.scores.mixing.naming import named
from app.scores.mixing.products import SampleProducts, sample_products
from app.scores.mixing.residuals import Residuals
from app.scores.mixing.results import Mixing
from app.scores.sample_groups import HALVES, PARTS, MapFunction
from app.stats.input_sample import N_GROUPS, Sample

SEED = 0
"""Of the chance level."""

LATENTS_AT_ONCE = 32
"""Narrow latents that share products of sparse matrices: 32 × 65,536 float32 numbers are 8 MB."""


def mixing(
    sample: Sample,
    decoders: BySide[Float32s],
    counted: Flags,
    *,
    is_prefix: bool = False,
    progress: Progress = silent,
) -> Mixing:
    """Score all narrow latents.

    Args:
        decoders: `[n, d]` and `[m, d]` unit rows.
        counted: `[m]` reference latents that can be partners.
        is_prefix: whether the narrow latents are the reference's first ones, none of which is counted. The row that a
            latent stands for is its own then, and no reference latent's.
    """
    found: list[Evidence | None] = [None] * len(decoders.narrow)
    # A text of fewer rows than groups: nothing can be separated from noise.
    if np.diff(sample.bounds).all():
        # Many small products: a latent to each processor, not each product to all of them.
        with ThreadPoolExecutor(os.cpu_count()) as pool, threadpool_limits(1, user_api="blas"):
            advance = progress("products of activations", N_GROUPS, "groups")
            products = sample_products(sample, pool.map)
            advance(N_GROUPS)
            search = CandidateSearch(sample, decoders, counted, is_prefix=is_prefix, products=products)
            found = _evidence(sample, decoders, search, products, progress, pool.map)
    return named(sample, found)


def _evidence(
    sample: Sample,
    decoders: BySide[Float32s],
    search: CandidateSearch,
    products: SampleProducts | None,
    progress: Progress,
    map_function: MapFunction,
) -> list[Evidence | None]:
    """The evidence of each narrow latent; None where it fires too seldom."""
    n = len(decoders.narrow)
    candidates = _candidates(search, n, progress, map_function)
    by_group = _by_group(sample, candidates, products, progress, map_function)
    other = like_density(np.diff(sample.narrow.indptr), np.random.default_rng(SEED))
    finder = EvidenceFinder(Residuals(sample, decoders, products, map_function), decoders, other)
    advance = progress("mixed masses", n, "latents")

    def find(i: int) -> Evidence | None:
        of_latent = candidates[i]
        advance(1)
        return None if of_latent is None else finder.find(i, of_latent, by_group[i])

    return list(map_function(find, range(n)))


def _candidates(
    search: CandidateSearch, n_latents: int, progress: Progress, map_function: MapFunction
) -> list[Candidates | None]:
    advance = progress("mixture candidates", n_latents, "latents")
    found: list[Candidates | None] = []
    for block in map_function(search, _blocks(n_latents)):
        found += block
        advance(len(block))
    return found


def _by_group(
    sample: Sample,
    candidates: Sequence[Candidates | None],
    products: SampleProducts | None,
    progress: Progress,
    map_function: MapFunction,
) -> list[Float32s]:
    """Of each narrow latent `[N_GROUPS, p]` W of its candidates; one group's inverse is held at a time."""
    advance = progress("weights by group", len(candidates) * N_GROUPS, "latents")
    latents = [np.empty(0, dtype=np.int64) if each is None else each.latents for each in candidates]
    found: list[list[Float32s]] = [[] for _ in candidates]
    for part in range(len(HALVES), len(PARTS)):
        composition = Composition(sample, part, products)

        def weights(block: slice) -> list[Float32s]:
            return composition.weights_with(block, latents[block])  # noqa: B023  (called before the next one is made)

        every = chain.from_iterable(map_function(weights, _blocks(len(candidates))))
        for i, of_latent in enumerate(every):
            found[i].append(of_latent)
            advance(1)
    return [np.stack(each) for each in found]


def _blocks(n_latents: int) -> list[slice]:
    """All narrow latents, some at a time."""
    return [slice(start, min(start + LATENTS_AT_ONCE, n_latents)) for start in range(0, n_latents, LATENTS_AT_ONCE)]

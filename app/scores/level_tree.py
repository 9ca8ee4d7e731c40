"""Parents and children between the Matryoshka levels of one SAE: which inner latents stand behind an outer one.

A parent fires on at least half of the child's tokens, at least twice as often as on any tokens, and points in a similar
direction. Each child has a few parents at most, so the links are a graph without circles, not a tree.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp

from app.arrays import Float32s, Float64s, Int64s

MOST_PARENTS = 4
"""Of a child, those that fire on most of its tokens."""

LEAST_SHARE = 0.5
LEAST_LIFT = 2.0
LEAST_FIRINGS = 10
"""Tokens of a child: with fewer, half of them may be chance."""

LEAST_SDS = 3.0
"""Cosine in standard deviations of random directions, 1 / sqrt(d_in)."""

AT_ONCE = 1 << 16
"""Pairs whose cosines are computed at once."""


@dataclass(frozen=True)
class LevelPairs:
    """Links, by child and rank.

    Attributes:
        child, parent: `[n]` int64 latents.
        rank: `[n]` int64, 0 for a child's first parent.
        n_both: `[n]` int64 tokens on which both fire.
        cosine: `[n]` float64 of their decoder rows.
    """

    child: Int64s
    parent: Int64s
    rank: Int64s
    n_both: Int64s
    cosine: Float64s


def level_pairs(n_both: sp.csr_array, n_firings: Int64s, n_tokens: int, decoder: Float32s, level: Int64s) -> LevelPairs:
    """The links of one SAE.

    Args:
        n_both: `[n_latents, n_inner]` tokens on which a latent and one of the inner levels fire together.
        n_firings: `[n_latents]` tokens on which each fires.
        n_tokens: scored tokens.
        decoder: `[n_latents, d_in]` rows at unit norm.
        level: `[n_latents]` Matryoshka level of each.
    """
    pairs = n_both.tocoo()
    child, parent = pairs.coords[0].astype(np.int64), pairs.coords[1].astype(np.int64)
    both = pairs.data.astype(np.int64)
    share = both / n_firings[child]
    lift = share * n_tokens / n_firings[parent]
    keeps = (level[parent] < level[child]) & (n_firings[child] >= LEAST_FIRINGS)
    keeps &= (share >= LEAST_SHARE) & (lift >= LEAST_LIFT)
    child, parent, both, share = child[keeps], parent[keeps], both[keeps], share[keeps]
    cosine = _cosines(decoder, child, parent)
    near = cosine >= LEAST_SDS / math.sqrt(decoder.shape[1])
    child, parent, both, share, cosine = child[near], parent[near], both[near], share[near], cosine[near]
    order = np.lexsort((parent, -cosine, -share, child))
    child = child[order]
    rank = np.arange(len(child)) - np.searchsorted(child, child)
    kept = rank < MOST_PARENTS
    order = order[kept]
    return LevelPairs(child[kept], parent[order], rank[kept], both[order], cosine[order])


def _cosines(decoder: Float32s, left: Int64s, right: Int64s) -> Float64s:
    found = np.empty(len(left))
    for start in range(0, len(left), AT_ONCE):
        some = slice(start, start + AT_ONCE)
        found[some] = np.einsum("nd,nd->n", decoder[left[some]], decoder[right[some]], dtype=np.float64)
    return found

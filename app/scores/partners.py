"""Which reference latents each narrow latent is made of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from app.arrays import Flags, Float64s, Int64s
from app.progress import Progress
from app.records import BySide
from app.scores.blocks import blocks
from app.scores.candidates import candidates_of
from app.scores.decomposition import Decomposition, decompose
from app.scores.geometry import Geometry
from app.scores.weights import ComparedWeights
from app.stats.collect import Statistics


@dataclass(frozen=True)
class PartnerLists:
    """The decompositions of L narrow latents as arrays: the main partner first, the others by descending share.

    Attributes:
        partners: `[L, K]` int64 reference latents; weights, shares: `[L, K]` of them.
        valid: `[L, K]` false where a list is shorter.
        residual: `[L]` share of the squared norm that is not explained.
    """

    partners: Int64s
    weights: Float64s
    shares: Float64s
    valid: Flags
    residual: Float64s

    def of(self, i: int) -> Int64s:
        """`[k]` partners of one narrow latent."""
        found: Int64s = self.partners[i, self.valid[i]]
        return found

    def main_partners(self, n_reference: int) -> BySide[Int64s]:
        """Main partner of each latent in the other SAE, -1 for none.

        That of a reference latent is the narrow latent that it has the largest share in, the first of equals.
        """
        narrow = np.where(self.valid[:, 0], self.partners[:, 0], -1)
        owner, rank = np.nonzero(self.valid)
        order = np.argsort(-self.shares[owner, rank], kind="stable")
        found, first = np.unique(self.partners[owner, rank][order], return_index=True)
        reference = np.full(n_reference, -1, dtype=np.int64)
        reference[found] = owner[order[first]]
        return BySide(narrow, reference)


def decompose_all(
    weights: ComparedWeights, geometry: Geometry, statistics: Statistics, progress: Progress
) -> list[Decomposition]:
    """Each narrow latent on its candidates."""
    narrow, reference = weights.narrow.decoder, weights.reference.decoder
    firing, n_both = statistics.sides.map(lambda side: side.firing), statistics.co_firing.n_both
    advance = progress("decomposition", len(narrow), "latents")
    result = []
    for block in blocks(len(narrow)):
        table = narrow[block] @ reference.T
        table[:, ~geometry.reference.matchable] = np.nan
        for i, cosines in enumerate(table, block.start):
            n_i = int(firing.narrow.n_firings[i])
            candidates = candidates_of(
                cosines, n_both, i, n_i=n_i, n_j=firing.reference.n_firings, n_tokens=firing.reference.n_tokens
            )
            result.append(decompose(narrow[i], reference[candidates], candidates))
        advance(len(table))
    return result


def as_lists(decompositions: Sequence[Decomposition], own: Int64s) -> PartnerLists:
    """Pad the decompositions; there is at least one column.

    Args:
        own: `[L]` reference latent that each narrow latent stands for, which becomes the main partner; -1 where
            nothing says so: then it is the one with the largest share.
    """
    decompositions = [_with_own_first(each, j) for each, j in zip(decompositions, own.tolist(), strict=True)]
    width = max(1, *(len(each.partners) for each in decompositions))
    shape = (len(decompositions), width)
    partners, valid = np.zeros(shape, dtype=np.int64), np.zeros(shape, dtype=np.bool_)
    weights, shares = np.zeros(shape), np.zeros(shape)
    for i, each in enumerate(decompositions):
        k = len(each.partners)
        partners[i, :k], weights[i, :k], shares[i, :k] = each.partners, each.weights, each.shares
        valid[i, :k] = True
    return PartnerLists(partners, weights, shares, valid, np.array([each.residual for each in decompositions]))


def _with_own_first(decomposition: Decomposition, own: int) -> Decomposition:
    """The same, with the main partner in front; one outside the decomposition has share 0."""
    if own < 0:
        return decomposition
    others = decomposition.partners != own
    order = np.concatenate([np.flatnonzero(~others), np.flatnonzero(others)])
    missing = int(others.all())
    return Decomposition(
        partners=np.concatenate([np.full(missing, own), decomposition.partners[order]]),
        weights=np.concatenate([np.zeros(missing), decomposition.weights[order]]),
        shares=np.concatenate([np.zeros(missing), decomposition.shares[order]]),
        residual=decomposition.residual,
    )

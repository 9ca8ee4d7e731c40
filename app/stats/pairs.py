"""How the two latents of a pair fire together, for a list of chosen pairs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from app.arrays import Flags, Float32s, Float64s, Int32s, Int64s
from app.sparse.csr import SparseActs
from app.sparse.latent_major import LatentMajor
from app.stats.checks import expect_same_tokens, expect_width
from app.stats.histograms import band_of
from app.stats.index_ranges import expand_ranges
from app.stats.ranking import BestPerGroup, Candidates, first_smallest, run_starts


@dataclass(frozen=True)
class LatentPairs:
    """Chosen pairs.

    Attributes:
        narrow, reference: `[n_pairs]` int64 latents.
    """

    narrow: Int64s
    reference: Int64s

    def __len__(self) -> int:
        return len(self.narrow)


@dataclass(frozen=True)
class JointFirings:
    """Tokens of a shard on which both latents of a pair fire, sorted by pair, then token.

    Attributes:
        pair: `[n]` int64.
        token: `[n]` int64 index in the shard.
        narrow, reference: `[n]` float32 activations.
    """

    pair: Int64s
    token: Int64s
    narrow: Float32s
    reference: Float32s


def joint_firings(narrow: SparseActs, reference: SparseActs, pairs: LatentPairs) -> JointFirings:
    """Find them: walk the firings of the latent that fires less, look up the other one's."""
    expect_same_tokens(narrow, reference)
    by_narrow, by_reference = narrow.by_latent, reference.by_latent
    n_narrow = np.diff(by_narrow.starts)[pairs.narrow]
    n_reference = np.diff(by_reference.starts)[pairs.reference]
    rarer = n_reference < n_narrow
    of_reference = _walk(by_reference, pairs.reference, by_narrow, pairs.narrow, np.flatnonzero(rarer))
    of_narrow = _walk(by_narrow, pairs.narrow, by_reference, pairs.reference, np.flatnonzero(~rarer))
    pair = np.concatenate([of_narrow[0], of_reference[0]])
    order = np.argsort(pair, kind="stable")
    return JointFirings(
        pair=pair[order],
        token=np.concatenate([of_narrow[1], of_reference[1]])[order],
        narrow=np.concatenate([of_narrow[2], of_reference[3]])[order],
        reference=np.concatenate([of_narrow[3], of_reference[2]])[order],
    )


def _walk(
    walked: LatentMajor,
    walked_latent: Int64s,
    other: LatentMajor,
    other_latent: Int64s,
    chosen: Int64s,
) -> tuple[Int64s, Int64s, Float32s, Float32s]:
    """(pair, token, activation walked, activation of the other) where both fire, for the chosen pairs."""
    latent = walked_latent[chosen]
    owner, entry = expand_ranges(walked.starts[latent], walked.starts[latent + 1])
    pair, token = chosen[owner], walked.token[entry]
    looked_up = other.values_at(other_latent[pair], token)
    both = looked_up > 0
    return pair[both], token[both], walked.value[entry[both]], looked_up[both]


@dataclass(frozen=True)
class PairTotals:
    """Sums over all tokens.

    Attributes:
        n_both: `[n_pairs]` int64 tokens on which both fire.
        sum_products: `[n_pairs]` Σ a_i r_j.
    """

    n_both: Int64s
    sum_products: Float64s

    def of(self, chosen: Flags) -> PairTotals:
        """Those of some pairs."""
        return PairTotals(self.n_both[chosen], self.sum_products[chosen])


class PairSums:
    """Accumulates, per pair, on how many tokens both fire, and the products of their activations there."""

    def __init__(self, pairs: LatentPairs) -> None:
        self.pairs = pairs
        self._n_both = np.zeros(len(pairs), dtype=np.int64)
        self._sum_products = np.zeros(len(pairs))

    def update(self, both: JointFirings) -> None:
        """Add the `joint_firings` of a shard and the same pairs."""
        products = both.narrow.astype(np.float64) * both.reference
        self._n_both += np.bincount(both.pair, minlength=len(self.pairs))
        self._sum_products += np.bincount(both.pair, weights=products, minlength=len(self.pairs))

    def merge(self, other: PairSums) -> None:
        """Add what another accumulator of the same pairs saw."""
        self._n_both += other._n_both
        self._sum_products += other._sum_products

    def finalize(self) -> PairTotals:
        """The sums so far."""
        return PairTotals(self._n_both.copy(), self._sum_products.copy())


class PairHistograms:
    """Accumulates, per pair, on how many tokens both fire, by the bin of either activation.

    Args:
        pairs: which pairs.
        narrow_edges: `[n_narrow, n_bins + 1]` ascending bin edges of each narrow latent.
        reference_edges: `[n_reference, n_bins + 1]` those of each reference latent.
    """

    def __init__(self, pairs: LatentPairs, narrow_edges: Float64s, reference_edges: Float64s) -> None:
        self.pairs = pairs
        self.narrow_edges = narrow_edges
        self.reference_edges = reference_edges
        shape = (len(pairs), narrow_edges.shape[1] - 1, reference_edges.shape[1] - 1)
        self.counts = np.zeros(shape, dtype=np.int64)

    def update(self, narrow: SparseActs, reference: SparseActs, both: JointFirings | None = None) -> None:
        """Add a shard of each SAE, of the same tokens.

        Args:
            both: `joint_firings` of the shards and the same pairs, where they are known already.
        """
        expect_width(narrow, len(self.narrow_edges))
        expect_width(reference, len(self.reference_edges))
        if both is None:
            both = joint_firings(narrow, reference, self.pairs)
        narrow_bin = band_of(both.narrow, self.pairs.narrow[both.pair], self.narrow_edges)
        reference_bin = band_of(both.reference, self.pairs.reference[both.pair], self.reference_edges)
        cell = np.ravel_multi_index((both.pair, narrow_bin, reference_bin), self.counts.shape)
        np.add.at(self.counts.reshape(-1), cell, 1)

    def merge(self, other: PairHistograms) -> None:
        """Add what another accumulator of the same pairs saw."""
        self.counts += other.counts

    def finalize(self) -> Int64s:
        """`[n_pairs, narrow bins, reference bins]` tokens so far; activations outside the edges count
        in the end bins, so a pair's cells add up to the tokens on which both fire."""
        return self.counts.copy()


@dataclass(frozen=True)
class PairRows:
    """Rows chosen for pairs, sorted by pair, then best first.

    Attributes:
        pair: `[n]` int64.
        row: `[n]` int64 index of the row in the text.
        position: `[n]` int32 place in the row of the token it is about.
        strength: `[n]` float64 in [0, 1], the smaller of both activations there, each relative to its
            latent's largest.
    """

    pair: Int64s
    row: Int64s
    position: Int32s
    strength: Float64s


class PairContexts:
    """Per pair the `k` rows on which both latents fire most strongly: min(a_i / max a_i, r_j / max r_j).

    A row stands for a pair by its strongest token (the first of equals); equal rows are ranked by index.

    Args:
        pairs: which pairs.
        max_narrow: `[n_narrow]` largest activation of each narrow latent over all tokens.
        max_reference: `[n_reference]` that of each reference latent.
        k: rows kept per pair.
    """

    def __init__(self, pairs: LatentPairs, max_narrow: Float32s, max_reference: Float32s, k: int = 5) -> None:
        self.pairs = pairs
        self.max_narrow = max_narrow.astype(np.float64)
        self.max_reference = max_reference.astype(np.float64)
        self._best = BestPerGroup(k)

    def update(self, narrow: SparseActs, reference: SparseActs, both: JointFirings | None = None) -> None:
        """Add a shard of whole rows of each SAE, of the same tokens.

        Args:
            both: `joint_firings` of the shards and the same pairs, where they are known already.
        """
        expect_width(narrow, len(self.max_narrow))
        expect_width(reference, len(self.max_reference))
        if both is None:
            both = joint_firings(narrow, reference, self.pairs)
        row = narrow.row[both.token]
        of_narrow = both.narrow / self.max_narrow[self.pairs.narrow[both.pair]]
        of_reference = both.reference / self.max_reference[self.pairs.reference[both.pair]]
        weakness = -np.minimum(of_narrow, of_reference)
        best = first_smallest(run_starts(both.pair, row), weakness)
        token = both.token[best]
        self._best.add(
            Candidates(both.pair[best], weakness[best], row[best], narrow.position[token], both.narrow[best])
        )

    def merge(self, other: PairContexts) -> None:
        """Add what another accumulator of the same pairs saw."""
        self._best.merge(other._best)

    def finalize(self) -> PairRows:
        """The strongest rows so far."""
        best = self._best.best()
        return PairRows(best.group, best.row, best.position, -best.key)

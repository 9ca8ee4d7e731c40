"""How the two latents of a pair fire together, for a list of chosen pairs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from app.arrays import Flags, Float32s, Float64s, Int32s, Int64s
from app.sparse.csr import SparseActs
from app.sparse.latent_major import LatentMajor
from app.stats.histograms import band_of
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
        of_narrow, of_reference: `[n]` int64 places of the two firings in `narrow_entries` and `reference_entries`,
            all firings of either SAE in the shard. What depends on one firing is computed once for each of these, and
            not for all the pairs that it is part of.
    """

    pair: Int64s
    of_narrow: Int64s
    of_reference: Int64s
    narrow_entries: LatentMajor
    reference_entries: LatentMajor

    @property
    def token(self) -> Int64s:
        """`[n]` index in the shard."""
        return self.narrow_entries.token[self.of_narrow]

    @property
    def narrow(self) -> Float32s:
        """`[n]` activations of the narrow latents."""
        return self.narrow_entries.value[self.of_narrow]

    @property
    def reference(self) -> Float32s:
        """`[n]` activations of the reference latents."""
        return self.reference_entries.value[self.of_reference]


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

    def update(self, both: JointFirings) -> None:
        """Add the joint firings of a shard and the same pairs."""
        narrow, reference = both.narrow_entries, both.reference_entries
        narrow_band = band_of(narrow.value, narrow.latent, self.narrow_edges)
        reference_band = band_of(reference.value, reference.latent, self.reference_edges)
        _, n_narrow, n_reference = self.counts.shape
        cell = both.pair * n_narrow + narrow_band[both.of_narrow]
        cell = cell * n_reference + reference_band[both.of_reference]
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

    def update(self, narrow: SparseActs, both: JointFirings) -> None:
        """Add a shard of whole rows.

        Args:
            narrow: of the narrow SAE; both: its joint firings of the same pairs.
        """
        of_narrow = both.narrow_entries.value / self.max_narrow[both.narrow_entries.latent]
        of_reference = both.reference_entries.value / self.max_reference[both.reference_entries.latent]
        weakness = -np.minimum(of_narrow[both.of_narrow], of_reference[both.of_reference])
        kept = self._best.may_win(both.pair, weakness)
        pair, weakness, entry = both.pair[kept], weakness[kept], both.of_narrow[kept]
        token = both.narrow_entries.token[entry]
        row = narrow.row[token]
        best = first_smallest(run_starts(pair, row), weakness)
        token, value = token[best], both.narrow_entries.value[entry[best]]
        self._best.add(Candidates(pair[best], weakness[best], row[best], narrow.position[token], value))

    def merge(self, other: PairContexts) -> None:
        """Add what another accumulator of the same pairs saw."""
        self._best.merge(other._best)

    def finalize(self) -> PairRows:
        """The strongest rows so far."""
        best = self._best.best()
        return PairRows(best.group, best.row, best.position, -best.key)

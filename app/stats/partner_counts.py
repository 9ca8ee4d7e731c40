"""What narrow latents and their partners do together, counted by a second pass over the shards."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from app.arrays import Flags, Float64s, Int64s
from app.parallel import BoundedQueue, together
from app.records import BySide
from app.sparse.csr import SparseActs
from app.stats.cells import CellCounter, CellCounts
from app.stats.collect import SideStatistics, Statistics
from app.stats.contexts import ChosenContexts, chosen_contexts
from app.stats.joint_firings import JointFinder
from app.stats.pairs import LatentPairs, PairContexts, PairHistograms, PairRows, PairSums, PairTotals
from app.stats.partner_products import PartnerProducts

N_JOINT_BINS = 8
"""Bands of either activation in a pair's joint histogram."""


@dataclass(frozen=True)
class PartnerSums:
    """What scores need of the partners.

    Attributes:
        pairs: of the pairs that were counted, in their order.
        products: `[L, K, K]` sums of products among the partners of each list.
    """

    pairs: PairTotals
    products: Float64s


@dataclass(frozen=True)
class PartnerCounts:
    """Results of the second pass.

    Attributes:
        sums: what scores need of the partners.
        contexts: of both SAEs' latents.
        pairs: all partner pairs, by narrow latent.
        joint: `[n_pairs, bins, bins]` tokens on which both fire, by the bands of their activations.
        edges: `[d_sae, bins + 1]` of these bands.
        pair_rows: contexts of the pairs.
        cells: firings of narrow latents by which partners fire.
    """

    sums: PartnerSums
    contexts: BySide[ChosenContexts]
    pairs: LatentPairs
    joint: Int64s
    edges: BySide[Float64s]
    pair_rows: PairRows
    cells: CellCounts


class PartnerCounter:
    """Accumulates `PartnerCounts` from shards, in any order.

    Args:
        statistics: of all shards.
        pairs: that are counted, by narrow latent.
        partners, valid: `[L, K]` lists of reference latents whose products with one another are wanted; false for
            padding.
        cells: counts firings by partner, of the same pairs.
        queue: runs what may take longer than a shard; has to be empty before `finalize`.
    """

    def __init__(
        self,
        statistics: Statistics,
        pairs: LatentPairs,
        partners: Int64s,
        valid: Flags,
        *,
        cells: CellCounter,
        queue: BoundedQueue,
    ) -> None:
        self._cells, self._queue = cells, queue
        sides = statistics.sides
        self.pairs = pairs
        self.edges = sides.map(lambda side: side.histograms.bands(N_JOINT_BINS))
        self._finder = JointFinder(pairs, *sides.map(lambda side: len(side.firing.n_firings)))
        self._tops = sides.map(lambda side: side.top)
        self._bands = sides.map(SideStatistics.band_contexts)
        self._sums, self._joint = PairSums(self.pairs), PairHistograms(self.pairs, *self.edges)
        self._rows = PairContexts(self.pairs, *sides.map(lambda side: side.firing.max_activation))
        self._products = PartnerProducts(partners, valid, len(sides.reference.firing.n_firings))

    def update(self, acts: BySide[SparseActs]) -> None:
        """Add a shard."""
        narrow, reference = acts
        # The products are made of many shards at a time: they would hold up each shard in which that happens.
        self._queue.put(partial(self._products.update, reference))
        both, *_ = together(
            partial(self._finder.find, narrow, reference),
            *(partial(self._bands[side].update, own) for side, own in acts.items()),
        )
        together(
            partial(self._joint.update, both),
            partial(self._rows.update, narrow, both),
            partial(self._sums.update, both),
            partial(self._cells.update, acts, both),
        )

    def finalize(self) -> PartnerCounts:
        """The results."""
        return PartnerCounts(
            sums=PartnerSums(self._sums.finalize(), self._products.finalize()),
            contexts=BySide.of(lambda side: chosen_contexts(self._tops[side], self._bands[side].finalize())),
            pairs=self.pairs,
            joint=self._joint.finalize(),
            edges=self.edges,
            pair_rows=self._rows.finalize(),
            cells=self._cells.finalize(),
        )

"""All statistics of a comparison, collected from its shards."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from app.arrays import Float64s
from app.errors import ScoringError
from app.parallel import together
from app.records import BySide
from app.sparse.csr import SparseActs
from app.sparse.inputs import in_sample, unpack
from app.sparse.read import ComparisonShape, ShardPair
from app.sparse.shards import TokenShard
from app.stats.co_firing import CoFiring, CoFiringTable
from app.stats.contexts import BandContexts, ContextRows, TopContexts
from app.stats.density import FiringCounts, FiringTotals
from app.stats.histograms import ActivationHistograms, HistogramTable
from app.stats.input_sample import InputSample, Sample
from app.stats.reconstruction import ExplainedVariance, VarianceExplained
from app.stats.wide_co_firing import WideCoFiring

PAIRS_IN_MEMORY = 1 << 24
"""Every pair of 4,096 × 4,096 latents: 24 bytes each, 0.4 GB."""


@dataclass(frozen=True)
class SideStatistics:
    """One SAE's statistics."""

    firing: FiringTotals
    histograms: HistogramTable
    explained: ExplainedVariance
    top: ContextRows

    def band_contexts(self) -> BandContexts:
        """Accumulator of the contexts from each fifth of a latent's firings."""
        return BandContexts(self.histograms.bands(5), self.top)


@dataclass(frozen=True)
class Statistics:
    """What one pass over the shards gives.

    Attributes:
        sides: of each SAE alone.
        co_firing: on how many tokens latents of both SAEs fire together.
        sample: the tokens whose inputs were kept.
    """

    sides: BySide[SideStatistics]
    co_firing: CoFiringTable
    sample: Sample

    @property
    def narrow(self) -> SideStatistics:
        """The narrow SAE's."""
        return self.sides.narrow

    @property
    def reference(self) -> SideStatistics:
        """The reference SAE's."""
        return self.sides.reference


class SideAccumulators:
    """The accumulators of one SAE."""

    def __init__(self, n_latents: int, n_levels: int) -> None:
        self.firing = FiringCounts(n_latents)
        self.histograms = ActivationHistograms(n_latents)
        self.explained = VarianceExplained(n_levels)
        self.top = TopContexts(n_latents)

    def update(self, acts: SparseActs, tokens: TokenShard, residual: Float64s) -> None:
        """Add a shard."""
        self.firing.update(acts)
        self.histograms.update(acts)
        self.top.update(acts)
        self.explained.update(acts.n_tokens, tokens.sum_acts, tokens.sum_squares, residual)

    def merge(self, other: SideAccumulators) -> None:
        """Add what another one of the same SAE saw."""
        self.firing.merge(other.firing)
        self.histograms.merge(other.histograms)
        self.top.merge(other.top)
        self.explained.merge(other.explained)

    def finalize(self) -> SideStatistics:
        """The statistics so far."""
        return SideStatistics(
            self.firing.finalize(), self.histograms.finalize(), self.explained.finalize(), self.top.finalize()
        )


def co_firing_accumulator(shape: ComparisonShape) -> CoFiring | WideCoFiring:
    """Counts every pair in memory, or by way of the disk where these are too many."""
    narrow, reference = shape.n_latents
    if narrow * reference <= PAIRS_IN_MEMORY:
        return CoFiring(narrow, reference)
    return WideCoFiring(narrow, reference, folder=shape.folder, is_prefix=shape.is_prefix)


class StatisticsCollector:
    """Accumulates `Statistics` from shards, in any order."""

    def __init__(self, shape: ComparisonShape) -> None:
        self._n_tokens, self._d_in = shape.n_tokens, shape.d_in
        self.sides = BySide.of(lambda side: SideAccumulators(shape.n_latents[side], shape.n_levels[side]))
        self.co_firing = co_firing_accumulator(shape)
        self.sample = InputSample(shape.n_latents, shape.d_in)

    @property
    def can_be_merged(self) -> bool:
        """Whether it can be made of partial sums: not where co-firing goes by way of this machine's disk."""
        return isinstance(self.co_firing, CoFiring)

    def update(self, shard: ShardPair) -> None:
        """Add a shard."""
        together(
            *(
                partial(accumulators.update, shard.acts[side], shard.tokens, shard.residual[side])
                for side, accumulators in self.sides.items()
            ),
            partial(self.co_firing.update, *shard.acts),
            partial(self._keep_inputs, shard),
        )

    def _keep_inputs(self, shard: ShardPair) -> None:
        kept = shard.tokens.input_token
        chosen = in_sample(shard.acts.narrow.row[kept], self._n_tokens, self._d_in)
        inputs = unpack(shard.tokens.inputs[chosen], shard.tokens.input_scale)
        self.sample.update(shard.acts, kept[chosen], inputs)

    def merge(self, other: StatisticsCollector) -> None:
        """Add what another collector of the same SAEs saw.

        Raises:
            ScoringError: one of them can't be merged.
        """
        if not isinstance(self.co_firing, CoFiring) or not isinstance(other.co_firing, CoFiring):
            raise ScoringError("found co-firing of wide SAEs in parts, expected it as a whole; sum up on one machine")
        for side, accumulators in self.sides.items():
            accumulators.merge(other.sides[side])
        self.co_firing.merge(other.co_firing)
        self.sample.merge(other.sample)

    def finalize(self) -> Statistics:
        """The statistics so far."""
        narrow, reference, co_firing, sample = together(
            *self.sides.map(lambda accumulators: accumulators.finalize), self.co_firing.finalize, self.sample.finalize
        )
        return Statistics(BySide(narrow, reference), co_firing, sample)

"""Over the shards on disk: first what scores need, then what pages show. No model is run here."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from app.errors import ScoringError
from app.executor.base import Executor
from app.executor.local import LocalExecutor
from app.pipeline.parallel import together
from app.pipeline.progress import Progress
from app.sae.load import LoadedSae
from app.sparse.csr import SparseActs
from app.sparse.inputs import in_sample, unpack
from app.sparse.shards import Shard, ShardStore, TokenShard
from app.sparse.storage import Folder
from app.stats.co_firing import CoFiring, CoFiringTable
from app.stats.contexts import BandContexts, BandRows, ContextRows, TopContexts
from app.stats.density import FiringCounts, FiringTotals
from app.stats.histograms import ActivationHistograms, HistogramTable
from app.stats.inputs import InputSample, Sample
from app.stats.reconstruction import ExplainedVariance, VarianceExplained
from app.stats.wide_co_firing import WideCoFiring

PAIRS_IN_MEMORY = 1 << 24
"""Every pair of 4,096 × 4,096 latents: 24 bytes each, 0.4 GB."""


@dataclass(frozen=True)
class ShardPair:
    """One shard as both SAEs see it."""

    narrow: SparseActs
    reference: SparseActs
    tokens: TokenShard
    narrow_residual: NDArray[np.float64]
    reference_residual: NDArray[np.float64]
    n_tokens: int


@dataclass(frozen=True)
class _Read:
    """What is read of an SAE's shards: the first `d_sae` latents and `n_levels` prefixes."""

    shard_key: str
    d_sae: int
    n_levels: int


class ShardReader:
    """Reads the shards of a comparison, as often as a pass needs them. Small enough to be sent to another machine."""

    def __init__(self, store: ShardStore, shards: Sequence[Shard], narrow: LoadedSae, reference: LoadedSae) -> None:
        self._store = store
        self.folder = store.folder if isinstance(store.storage, Folder) else None
        self._narrow, self._reference = (
            _Read(sae.shard_key, sae.d_sae, len(sae.levels)) for sae in (narrow, reference)
        )
        self.shards = shards
        self.n_tokens = sum(shard.n_tokens for shard in shards)

    def read(self, progress: Progress, stage: str) -> Iterator[ShardPair]:
        """All shards in order."""
        advance = progress(stage, self.n_tokens, "tokens")
        for shard in self.shards:
            yield self.read_one(shard)
            advance(shard.n_tokens)

    def read_one(self, shard: Shard) -> ShardPair:
        """One shard.

        Raises:
            ShardError: it can't be read.
        """
        tokens = self._store.read_tokens(shard)
        narrow, narrow_residual = self._acts(shard, self._narrow, tokens)
        reference, reference_residual = self._acts(shard, self._reference, tokens)
        return ShardPair(narrow, reference, tokens, narrow_residual, reference_residual, shard.n_tokens)

    def _acts(self, shard: Shard, sae: _Read, tokens: TokenShard) -> tuple[SparseActs, NDArray[np.float64]]:
        acts, residual = self._store.read_acts(shard, sae.shard_key, tokens.rows)
        if sae.d_sae < acts.n_latents:
            return acts.select(sae.d_sae), residual[: sae.n_levels]
        return acts, residual


@dataclass(frozen=True)
class SideStatistics:
    """One SAE's statistics."""

    firing: FiringTotals
    histograms: HistogramTable
    explained: ExplainedVariance
    top: ContextRows


@dataclass(frozen=True)
class Statistics:
    """What one pass over the shards gives; `sample` has the tokens whose inputs were kept."""

    narrow: SideStatistics
    reference: SideStatistics
    co_firing: CoFiringTable
    sample: Sample


class SideAccumulators:
    """The accumulators of one SAE."""

    def __init__(self, sae: LoadedSae) -> None:
        self.firing = FiringCounts(sae.d_sae)
        self.histograms = ActivationHistograms(sae.d_sae)
        self.explained = VarianceExplained(len(sae.levels))
        self.top = TopContexts(sae.d_sae)

    def update(self, acts: SparseActs, tokens: TokenShard, residual: NDArray[np.float64]) -> None:
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


def co_firing_of(reader: ShardReader, narrow: LoadedSae, reference: LoadedSae) -> CoFiring | WideCoFiring:
    """The accumulator for two SAEs: every pair in memory, or by way of the disk where these are too many."""
    if narrow.d_sae * reference.d_sae <= PAIRS_IN_MEMORY:
        return CoFiring(narrow.d_sae, reference.d_sae)
    own = narrow.shard_key == reference.shard_key
    return WideCoFiring(narrow.d_sae, reference.d_sae, folder=reader.folder, own=own)


class FirstPass:
    """Accumulates everything that scores need of the shards."""

    def __init__(self, reader: ShardReader, narrow: LoadedSae, reference: LoadedSae) -> None:
        self._n_tokens, self._d_in = reader.n_tokens, narrow.record.d_in
        self.sides = SideAccumulators(narrow), SideAccumulators(reference)
        self.co_firing = co_firing_of(reader, narrow, reference)
        self.sample = InputSample(narrow.d_sae, reference.d_sae, narrow.record.d_in)

    @property
    def can_be_merged(self) -> bool:
        """Whether it can be made of partial sums: not where co-firing goes by way of this machine's disk."""
        return isinstance(self.co_firing, CoFiring)

    def update(self, shard: ShardPair) -> None:
        """Add a shard."""
        together(
            lambda: self.sides[0].update(shard.narrow, shard.tokens, shard.narrow_residual),
            lambda: self.sides[1].update(shard.reference, shard.tokens, shard.reference_residual),
            lambda: self.co_firing.update(shard.narrow, shard.reference),
            lambda: self._keep_inputs(shard),
        )

    def _keep_inputs(self, shard: ShardPair) -> None:
        kept = shard.tokens.input_token
        chosen = in_sample(shard.narrow.row[kept], self._n_tokens, self._d_in)
        inputs = unpack(shard.tokens.inputs[chosen], shard.tokens.input_scale)
        self.sample.update(shard.narrow, shard.reference, kept[chosen], inputs)

    def merge(self, other: FirstPass) -> None:
        """Add what another accumulator of the same SAEs saw.

        Raises:
            ScoringError: one of them can't be merged.
        """
        if not isinstance(self.co_firing, CoFiring) or not isinstance(other.co_firing, CoFiring):
            raise ScoringError("found co-firing of wide SAEs in parts, expected it as a whole; sum up on one machine")
        for side, theirs in zip(self.sides, other.sides, strict=True):
            side.merge(theirs)
        self.co_firing.merge(other.co_firing)
        self.sample.merge(other.sample)

    def finalize(self) -> Statistics:
        """The statistics so far."""
        return Statistics(
            *together(self.sides[0].finalize, self.sides[1].finalize, self.co_firing.finalize, self.sample.finalize)
        )


@dataclass(frozen=True)
class AddShard:
    """Adds a shard to a pass; may be sent to another machine."""

    reader: ShardReader

    def __call__(self, accumulator: FirstPass, shard: Shard) -> None:
        """Read and add it."""
        accumulator.update(self.reader.read_one(shard))


def first_pass(
    reader: ShardReader,
    narrow: LoadedSae,
    reference: LoadedSae,
    progress: Progress,
    executor: Executor | None = None,
) -> Statistics:
    """Firings, histograms, explained variance, strongest contexts and co-firing."""
    advance = progress("statistics", reader.n_tokens, "tokens")
    empty = FirstPass(reader, narrow, reference)
    engine = executor if executor is not None and empty.can_be_merged else LocalExecutor()
    return engine.fold(empty, AddShard(reader), reader.shards, progress=advance).finalize()


def band_contexts(statistics: SideStatistics) -> BandContexts:
    """Accumulator of the contexts from each fifth of a latent's firings."""
    return BandContexts(statistics.histograms.bands(5), statistics.top)


@dataclass(frozen=True)
class ChosenContexts:
    """All contexts of one SAE's latents.

    Attributes:
        latent, row: `[n]` int64; position: `[n]` int32; activation: `[n]` float32.
        kind: `[n]` int64, 0 for the strongest, 5 … 1 for the strongest … weakest fifth.
    """

    latent: NDArray[np.int64]
    row: NDArray[np.int64]
    position: NDArray[np.int32]
    activation: NDArray[np.float32]
    kind: NDArray[np.int64]


def chosen_contexts(top: ContextRows, bands: BandRows) -> ChosenContexts:
    """Both kinds together, by latent, strongest first, then from the strongest fifth to the weakest."""
    latent = np.concatenate([top.latent, bands.latent])
    kind = np.concatenate([np.zeros(len(top.latent), dtype=np.int64), bands.band + 1])
    activation = np.concatenate([top.activation, bands.activation])
    row = np.concatenate([top.row, bands.row])
    order = np.lexsort((row, -activation, np.where(kind == 0, 0, 6 - kind), latent))
    position = np.concatenate([top.position, bands.position])
    return ChosenContexts(latent[order], row[order], position[order], activation[order], kind[order])

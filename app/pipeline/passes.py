"""Over the shards on disk: first what scores need, then what pages show. No model is run here."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from app.pipeline.progress import Progress
from app.sae.load import LoadedSae
from app.sparse.csr import SparseActs
from app.sparse.inputs import unpack
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


class ShardReader:
    """Reads the shards of a comparison, as often as a pass needs them."""

    def __init__(self, store: ShardStore, shards: Sequence[Shard], narrow: LoadedSae, reference: LoadedSae) -> None:
        self._store = store
        self.folder = store.folder if isinstance(store.storage, Folder) else None
        self._narrow, self._reference = narrow, reference
        self.shards = shards
        self.n_tokens = sum(shard.n_tokens for shard in shards)

    def read(self, progress: Progress, stage: str) -> Iterator[ShardPair]:
        """All shards in order."""
        advance = progress(stage, self.n_tokens, "tokens")
        for shard in self.shards:
            tokens = self._store.read_tokens(shard)
            narrow, narrow_residual = self._acts(shard, self._narrow, tokens)
            reference, reference_residual = self._acts(shard, self._reference, tokens)
            yield ShardPair(narrow, reference, tokens, narrow_residual, reference_residual, shard.n_tokens)
            advance(shard.n_tokens)

    def _acts(self, shard: Shard, sae: LoadedSae, tokens: TokenShard) -> tuple[SparseActs, NDArray[np.float64]]:
        acts, residual = self._store.read_acts(shard, sae.shard_key, tokens.rows)
        if sae.d_sae < acts.n_latents:
            return acts.select(sae.d_sae), residual[: len(sae.levels)]
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


def first_pass(reader: ShardReader, narrow: LoadedSae, reference: LoadedSae, progress: Progress) -> Statistics:
    """Firings, histograms, explained variance, strongest contexts and co-firing."""
    sides = SideAccumulators(narrow), SideAccumulators(reference)
    co_firing = co_firing_of(reader, narrow, reference)
    sample = InputSample(narrow.d_sae, reference.d_sae, narrow.record.d_in)
    for shard in reader.read(progress, "statistics"):
        sides[0].update(shard.narrow, shard.tokens, shard.narrow_residual)
        sides[1].update(shard.reference, shard.tokens, shard.reference_residual)
        co_firing.update(shard.narrow, shard.reference)
        inputs = unpack(shard.tokens.inputs, shard.tokens.input_scale)
        sample.update(shard.narrow, shard.reference, shard.tokens.input_token, inputs)
    return Statistics(sides[0].finalize(), sides[1].finalize(), co_firing.finalize(), sample.finalize())


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

"""The time of each statistic by itself, over shards that are on disk."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from app.records import SIDES, BySide
from app.sparse.csr import SparseActs
from app.sparse.read import ShardPair, ShardReader
from app.sparse.shards import Shard, ShardStore
from app.stats.co_firing import CoFiring
from app.stats.contexts import BandContexts, TopContexts
from app.stats.density import FiringCounts
from app.stats.histograms import ActivationHistograms
from bench.bundled import Bundled
from bench.machine import seconds


class _Timed:
    """Makes statistics of both SAEs and notes the seconds of each."""

    def __init__(self, sides: Sequence[Sequence[SparseActs]]) -> None:
        self.times: dict[str, float] = {}
        self._sides = sides

    def both(self, name: str, make: Callable[[int], Any]) -> list[Any]:
        """The finished statistic of the narrow SAE and of the reference.

        Args:
            make: a new accumulator for the narrow SAE (0) or the reference (1).
        """
        found: list[Any] = []
        self.times[name] = seconds(lambda: found.extend(self._finished(make(side), side) for side in (0, 1)), 1)
        return found

    def _finished(self, accumulator: Any, side: int) -> Any:
        for acts in self._sides[side]:
            accumulator.update(acts)
        return accumulator.finalize()


def statistics_alone(store: ShardStore, bundled: Bundled) -> dict[str, float]:
    """Seconds of each statistic over all shards, both SAEs.

    A shard is sorted by latent once, by the first statistic that needs it: contexts pay for all of them.
    """
    reader = ShardReader(store, bundled.shards, BySide(*bundled.saes))
    pairs = [reader.read_one(shard) for shard in bundled.shards]
    widths = [sae.d_sae for sae in bundled.saes]
    with tempfile.TemporaryDirectory() as folder:
        copy = ShardStore(Path(folder), "copy")
        written = seconds(lambda: write_acts(copy, bundled.shards, pairs), 1)
    timed = _Timed([[pair.acts[side] for pair in pairs] for side in SIDES])
    top = timed.both("strongest contexts", lambda side: TopContexts(widths[side]))
    timed.both("firing counts", lambda side: FiringCounts(widths[side]))
    histograms = timed.both("histograms", lambda side: ActivationHistograms(widths[side]))
    timed.both("contexts of every strength", lambda side: BandContexts(histograms[side].bands(5), top[side]))
    co_firing = seconds(lambda: count_co_firing(CoFiring(widths[0], widths[1]), pairs), 1)
    return {"shard write": written, **timed.times, "co-firing": co_firing}


def write_acts(store: ShardStore, shards: Sequence[Shard], pairs: Sequence[ShardPair]) -> None:
    """Write the active latents of all shards."""
    for shard, pair in zip(shards, pairs, strict=True):
        for side, acts in pair.acts.items():
            store.write_acts(shard, side, acts, pair.residual[side])


def count_co_firing(accumulator: CoFiring, pairs: Sequence[ShardPair]) -> None:
    """How often the latents of each pair fire together."""
    for pair in pairs:
        accumulator.update(*pair.acts)
    accumulator.finalize()

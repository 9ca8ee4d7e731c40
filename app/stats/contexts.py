"""Which rows of the text to show for each latent: the strongest, and some of every strength."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from app.arrays import Flags, Float32s, Float64s, Int32s, Int64s
from app.sparse.csr import SparseActs
from app.sparse.latent_major import LatentMajor
from app.stats.checks import expect_width
from app.stats.firing_hash import hash_firings
from app.stats.histograms import band_of
from app.stats.ranking import BestPerGroup, Candidates, first_smallest, run_starts

LATENTS_AT_ONCE = 1 << 16
"""Latents whose contexts are put in order together."""

ROW_BITS = 40
"""A (latent, row) fits one int64 up to 2^40 rows and 2^23 latents."""


@dataclass(frozen=True)
class ContextRows:
    """Rows chosen for latents, sorted by latent, then best first.

    Attributes:
        latent: `[n]` int64.
        row: `[n]` int64 index of the row in the text.
        position: `[n]` int32 place in the row of the firing it is about.
        activation: `[n]` float32 of the latent there.
    """

    latent: Int64s
    row: Int64s
    position: Int32s
    activation: Float32s


@dataclass(frozen=True)
class BandRows(ContextRows):
    """Rows chosen for latents, sorted by latent, then band, then by hash.

    Attributes:
        band: `[n]` int64, 0 for the weakest activations.
    """

    band: Int64s


Rows = TypeVar("Rows", bound=ContextRows)


class TopContexts:
    """Per latent the `k` rows with its strongest activations.

    A row stands for a latent by its strongest token (the first of equals), so it comes once at
    most and contexts can't overlap. Equal activations are ranked by row.
    """

    def __init__(self, n_latents: int, k: int = 20) -> None:
        self.n_latents = n_latents
        self._best = BestPerGroup(k)

    def update(self, acts: SparseActs) -> None:
        """Add a shard of whole rows."""
        expect_width(acts, self.n_latents)
        entries = acts.by_latent
        strength = -entries.value.astype(np.float64)
        # Where a row's strongest token is too weak, so are its others.
        kept = self._best.may_win(entries.latent, strength)
        latent, row, strength = entries.latent[kept], acts.row[entries.token[kept]], strength[kept]
        best = first_smallest(run_starts(latent, row), strength)
        self._best.add(_candidates(acts, entries, kept[best], latent[best], strength[best]))

    def merge(self, other: TopContexts) -> None:
        """Add what another accumulator saw."""
        self._best.merge(other._best)

    def finalize(self) -> ContextRows:
        """The strongest rows so far."""
        best = self._best.best()
        return ContextRows(best.group, best.row, best.position, best.activation)


class BandContexts:
    """Per latent and band of activation `k` rows at random, the same ones every time.

    A row stands for a latent by the firing with the smallest hash of (latent, row, position), which
    is a random one of its firings there, and belongs to the band of that firing's activation. Each
    band keeps the rows with the smallest hashes: a uniform sample of its candidates.

    Args:
        bands: `[n_latents, n_bands + 1]` edges, from `quantile_edges`.
        exclude: rows already shown for a latent, from `TopContexts`; not chosen again.
        k: rows kept per latent and band.
    """

    def __init__(self, bands: Float64s, exclude: ContextRows, k: int = 5) -> None:
        self.bands = bands
        self.n_bands = bands.shape[1] - 1
        # Sorted by latent already, hence nearly in order.
        self._excluded = _pair_key(exclude.latent, exclude.row)
        self._excluded.sort(kind="stable")
        self._best = BestPerGroup(k)

    def update(self, acts: SparseActs) -> None:
        """Add a shard of whole rows."""
        expect_width(acts, len(self.bands))
        entries = acts.by_latent
        row = acts.row[entries.token]
        hashed = hash_firings(entries.latent, row, acts.position[entries.token])
        chosen = first_smallest(run_starts(entries.latent, row), hashed)
        chosen = chosen[~self._is_excluded(entries.latent[chosen], row[chosen])]
        latent = entries.latent[chosen]
        group = latent * self.n_bands + band_of(entries.value[chosen], latent, self.bands)
        self._best.add(_candidates(acts, entries, chosen, group, hashed[chosen]))

    def merge(self, other: BandContexts) -> None:
        """Add what another accumulator of the same bands saw."""
        self._best.merge(other._best)

    def finalize(self) -> BandRows:
        """The sample so far."""
        best = self._best.best()
        latent, band = np.divmod(best.group, self.n_bands)
        return BandRows(latent, best.row, best.position, best.activation, band)

    def _is_excluded(self, latent: Int64s, row: Int64s) -> Flags:
        key = _pair_key(latent, row)
        found = np.searchsorted(self._excluded, key, side="right") > np.searchsorted(self._excluded, key)
        return np.asarray(found, dtype=np.bool_)


def _pair_key(latent: Int64s, row: Int64s) -> Int64s:
    return (latent << ROW_BITS) | row


def _candidates(
    acts: SparseActs,
    entries: LatentMajor,
    index: Int64s,
    group: Int64s,
    key: Float64s | NDArray[np.uint64],
) -> Candidates:
    """The entries at `index` as candidates."""
    token = entries.token[index]
    return Candidates(group, key, acts.row[token], acts.position[token], entries.value[index])


@dataclass(frozen=True)
class ChosenContexts:
    """All contexts of one SAE's latents.

    Attributes:
        latent, row: `[n]` int64; position: `[n]` int32; activation: `[n]` float32.
        kind: `[n]` int8, 0 for the strongest, 5 … 1 for the strongest … weakest fifth.
    """

    latent: Int64s
    row: Int64s
    position: Int32s
    activation: Float32s
    kind: NDArray[np.int8]


def chosen_contexts(top: ContextRows, bands: BandRows) -> ChosenContexts:
    """Both kinds together, by latent, strongest first, then from the strongest fifth to the weakest."""
    n = len(top.latent) + len(bands.latent)
    found = ChosenContexts(
        latent=np.empty(n, dtype=np.int64),
        row=np.empty(n, dtype=np.int64),
        position=np.empty(n, dtype=np.int32),
        activation=np.empty(n, dtype=np.float32),
        kind=np.empty(n, dtype=np.int8),
    )
    n_latents = 1 + int(max(top.latent.max(initial=-1), bands.latent.max(initial=-1)))
    done = 0
    for first in range(0, n_latents, LATENTS_AT_ONCE):
        some = _chosen(_of(top, first), _of(bands, first))
        until = done + len(some.latent)
        for field in fields(some):
            getattr(found, field.name)[done:until] = getattr(some, field.name)
        done = until
    return found


def _of(rows: Rows, first: int) -> Rows:
    """Those of the latents `[first, first + LATENTS_AT_ONCE)`; not a copy."""
    start, stop = np.searchsorted(rows.latent, [first, first + LATENTS_AT_ONCE]).tolist()
    return replace(rows, **{field.name: getattr(rows, field.name)[start:stop] for field in fields(rows)})


def _chosen(top: ContextRows, bands: BandRows) -> ChosenContexts:
    """Those of some latents."""
    latent = np.concatenate([top.latent, bands.latent])
    kind = np.concatenate([np.zeros(len(top.latent), dtype=np.int8), (bands.band + 1).astype(np.int8)])
    activation = np.concatenate([top.activation, bands.activation])
    row = np.concatenate([top.row, bands.row])
    order = np.lexsort((row, -activation, np.where(kind == 0, 0, 6 - kind), latent))
    position = np.concatenate([top.position, bands.position])
    return ChosenContexts(latent[order], row[order], position[order], activation[order], kind[order])

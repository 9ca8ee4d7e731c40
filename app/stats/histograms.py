"""Histograms of non-zero activations in fixed log-spaced bins, and bands of equal firings."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from app.arrays import Float32s, Float64s, Int32s, Int64s
from app.errors import ScoringError
from app.records import LogHistogram
from app.sparse.csr import SparseActs
from app.stats.checks import expect_width

BINS_PER_OCTAVE = 8
FIRST_OCTAVE, LAST_OCTAVE = -10, 14
N_BINS = BINS_PER_OCTAVE * (LAST_OCTAVE - FIRST_OCTAVE)


MAX_TOKENS = (1 << 31) - 1
"""Tokens that an int32 counts."""

LATENTS_AT_ONCE = 1 << 12
"""Latents whose bands are found together: some tables of 6 MB."""


def log_edges() -> Float64s:
    """`[N_BINS + 1]` edges from 2^-10 to 2^14; powers of two are exact."""
    octave, step = np.divmod(np.arange(N_BINS + 1), BINS_PER_OCTAVE)
    edges: Float64s = np.ldexp(2.0 ** (step / BINS_PER_OCTAVE), octave + FIRST_OCTAVE)
    return edges


EDGES = log_edges()


def _cells() -> tuple[Int64s, Float32s]:
    """Of all positive float32 numbers with equal upper 16 bits (a 128th of an octave, which has one edge at most):
    the bin of the smallest one, and the smallest float32 in the next bin."""
    rounded = EDGES.astype(np.float32)
    above = np.where(rounded < EDGES, np.nextafter(rounded, np.float32(np.inf)), rounded)
    smallest = (np.arange(1 << 15, dtype=np.uint32) << 16).view(np.float32)
    passed = np.searchsorted(above, smallest, side="right")
    return passed - 1, np.append(above, np.float32(np.inf))[np.minimum(passed, len(above))]


CELL_BIN, CELL_NEXT = _cells()


def bin_of(value: Float32s) -> Int64s:
    """Bin of each non-negative value: half-open `[edge, next edge)`; what lies outside goes to the end bins."""
    cell = np.ascontiguousarray(value).view(np.uint32) >> 16
    found: Int64s = np.clip(CELL_BIN[cell] + (value >= CELL_NEXT[cell]), 0, N_BINS - 1)
    return found


def band_of(value: Float32s, latent: Int64s, edges: Float64s) -> Int64s:
    """Band of each value among its latent's edges: `[edge, next edge)`, the end bands open to the outside.

    Args:
        value, latent: `[n]`.
        edges: `[n_latents, n_bands + 1]` ascending, equal ones where a band is empty.
    """
    passed = np.zeros(len(value), dtype=np.int64)
    # An edge at a time: a table of all edges of all values would be several times their size.
    for inner in np.ascontiguousarray(edges[:, 1:-1].T):
        passed += inner[latent] <= value
    return passed


def quantile_edges(counts: Int32s | Int64s, edges: Float64s, n: int = 5) -> Float64s:
    """Split each latent's firings into `n` bands of whole bins, as equal as the bins allow.

    The inner edge q is the bin edge whose number of firings below is nearest to q/n of all (the
    lower one on a tie), so bands depend on counts only, not on the order of tokens. A latent whose
    firings lie in few bins has empty bands: equal neighbouring edges. One that never fired has all
    edges at `edges[0]`.

    Args:
        counts: `[n_latents, n_bins]`.
        edges: `[n_bins + 1]`.

    Returns:
        `[n_latents, n + 1]`, from the lower edge of the first non-empty bin to the upper edge of
        the last one.
    """
    below = np.concatenate(
        [np.zeros((len(counts), 1), dtype=np.int64), np.cumsum(counts, axis=1, dtype=np.int64)], axis=1
    )
    total = below[:, -1]
    first = (below == 0).sum(axis=1) - 1
    last = (below < total[:, None]).sum(axis=1)
    first = np.minimum(first, last)
    inner = [np.abs(n * below - q * total[:, None]).argmin(axis=1) for q in range(1, n)]
    chosen = np.stack([first, *(np.clip(index, first, last) for index in inner), last], axis=1)
    bands: Float64s = edges[chosen]
    return bands


@dataclass(frozen=True)
class HistogramTable:
    """Histograms of all latents.

    Attributes:
        edges: `[n_bins + 1]` float64, shared by all latents, in units of activation.
        counts: `[n_latents, n_bins]` int32 firings.
    """

    edges: Float64s
    counts: Int32s

    def trimmed(self, latent: int) -> LogHistogram:
        """One latent's histogram without the empty bins at its ends; empty where it never fired."""
        filled = np.flatnonzero(self.counts[latent])
        if not len(filled):
            return LogHistogram((), ())
        first, last = int(filled[0]), int(filled[-1])
        edges, counts = self.edges[first : last + 2], self.counts[latent, first : last + 1]
        return LogHistogram(tuple(edges.tolist()), tuple(counts.tolist()))

    def bands(self, n: int = 5) -> Float64s:
        """`[n_latents, n + 1]` edges that split each latent's firings as `quantile_edges` says."""
        bands = np.empty((len(self.counts), n + 1))
        for start in range(0, len(bands), LATENTS_AT_ONCE):
            some = slice(start, start + LATENTS_AT_ONCE)
            bands[some] = quantile_edges(self.counts[some], self.edges, n)
        return bands


class ActivationHistograms:
    """Accumulates counts of each latent's non-zero activations in the bins of `EDGES`."""

    def __init__(self, n_latents: int) -> None:
        self.n_latents = n_latents
        # Half of what int64 takes: 0.8 GB for a million latents.
        self.counts = np.zeros((n_latents, N_BINS), dtype=np.int32)
        self._n_tokens = 0
        self._given = False

    def update(self, acts: SparseActs) -> None:
        """Add a shard.

        Raises:
            ScoringError: more tokens than can be counted.
        """
        expect_width(acts, self.n_latents)
        self._expect(acts.n_tokens)
        cell = acts.latent.astype(np.int64) * N_BINS + bin_of(acts.value)
        np.add.at(self.counts.reshape(-1), cell, 1)

    def merge(self, other: ActivationHistograms) -> None:
        """Add what another accumulator saw. Raises ScoringError as `update`."""
        self._expect(other._n_tokens)
        self.counts += other.counts

    def finalize(self) -> HistogramTable:
        """The histograms so far."""
        self._given = True
        return HistogramTable(EDGES.copy(), self.counts)

    def _expect(self, n_tokens: int) -> None:
        """Make ready for so many more tokens; what was given away is left as it is."""
        self._n_tokens += n_tokens
        if self._n_tokens > MAX_TOKENS:
            raise ScoringError(f"found more than {MAX_TOKENS:,} tokens, expected no more; compare on parts of the text")
        if self._given:
            self.counts, self._given = self.counts.copy(), False

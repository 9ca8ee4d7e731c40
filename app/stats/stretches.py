"""Activations of given latents on given stretches of text."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from app.arrays import Float32s, Float64s, Int32s, Int64s
from app.errors import ScoringError
from app.sparse.csr import SparseActs
from app.stats.checks import expect_width
from app.stats.index_ranges import expand_ranges

POSITION_BITS = 31
"""A (row, position) fits one int64 up to 2^31 positions a row and 2^32 rows."""


@dataclass(frozen=True)
class Stretches:
    """Requests: a latent, and a stretch of one row.

    Attributes:
        latent: `[n]` int64.
        row: `[n]` int64 index of the row in the text.
        start, stop: `[n]` int64 places in the row, stop exclusive.
    """

    latent: Int64s
    row: Int64s
    start: Int64s
    stop: Int64s

    def __len__(self) -> int:
        return len(self.latent)

    @property
    def length(self) -> Int64s:
        """`[n]` places in each stretch."""
        return self.stop - self.start


@dataclass(frozen=True)
class StretchActivations:
    """Answers, in the order of the requests.

    Attributes:
        values: `[n, longest]` float32, 0 where the latent is silent or the token is not scored, and
            behind the end of a shorter stretch.
        length: `[n]` int64 places in each stretch.
    """

    values: Float32s
    length: Int64s

    def of(self, request: int) -> Float32s:
        """`[length]` activations of one request."""
        return self.values[request, : self.length[request]]


class StretchFinder:
    """Finds firings on stretches, each request in the shard that holds its row.

    Args:
        requests: in any order.
        n_latents: width of the SAE.

    Raises:
        ScoringError: a stretch ends before it starts.
    """

    def __init__(self, requests: Stretches, n_latents: int) -> None:
        if (requests.length < 0).any():
            raise ScoringError("found a stretch that ends before it starts, expected start <= stop; check the requests")
        self.requests = requests
        self.n_latents = n_latents
        self._by_row = np.argsort(requests.row, kind="stable")
        self._rows = requests.row[self._by_row]

    def find(self, acts: SparseActs) -> tuple[Int64s, Int64s, Float32s]:
        """(request, place in its stretch, activation) of the firings in a shard of whole rows."""
        expect_width(acts, self.n_latents)
        if not acts.n_tokens:
            nothing = np.zeros(0, dtype=np.int64)
            return nothing, nothing, np.zeros(0, dtype=np.float32)
        first, last = np.searchsorted(self._rows, acts.row[[0, -1]] + [0, 1])
        request = self._by_row[first:last]
        latent = self.requests.latent[request]
        entries = acts.by_latent
        begin = entries.first_at(latent, self._token(acts, request, self.requests.start))
        end = entries.first_at(latent, self._token(acts, request, self.requests.stop))
        owner, entry = expand_ranges(begin, end)
        place = acts.position[entries.token[entry]] - self.requests.start[request][owner]
        return request[owner], place, entries.value[entry]

    def _token(self, acts: SparseActs, request: Int64s, position: Int64s) -> Int64s:
        """`[n]` index of the shard's first token at or behind a place in the request's row."""
        place = (acts.row << POSITION_BITS) + acts.position
        token: Int64s = np.searchsorted(place, (self.requests.row[request] << POSITION_BITS) + position[request])
        return token


class ActivationGather(StretchFinder):
    """Looks up activations; raises as `StretchFinder`."""

    def __init__(self, requests: Stretches, n_latents: int) -> None:
        super().__init__(requests, n_latents)
        self.values = np.zeros((len(requests), int(requests.length.max(initial=0))), dtype=np.float32)

    def update(self, acts: SparseActs) -> None:
        """Answer what a shard of whole rows can answer."""
        request, place, value = self.find(acts)
        self.values[request, place] = value

    def merge(self, other: ActivationGather) -> None:
        """Add the answers another accumulator of the same requests found in other shards."""
        self.values += other.values

    def finalize(self) -> StretchActivations:
        """The answers so far; not a copy, since they can be large."""
        return StretchActivations(self.values, self.requests.length)


@dataclass(frozen=True)
class FiringsOnStretches:
    """Firings on stretches, by request.

    Attributes:
        bounds: `[n + 1]` request r has the firings `[bounds[r], bounds[r + 1])`.
        place: in the stretch; value: activations.
        length: `[n]` places in each stretch.
    """

    bounds: Int64s
    place: NDArray[np.integer]
    value: Float32s | Float64s
    length: Int64s

    def of(self, request: int) -> Float32s:
        """Activations of one request; empty where it is silent on the whole stretch."""
        found = slice(self.bounds[request], self.bounds[request + 1])
        if found.start == found.stop:
            return np.zeros(0, dtype=np.float32)
        values = np.zeros(self.length[request], dtype=np.float32)
        values[self.place[found]] = self.value[found]
        return values


class SparseGather(StretchFinder):
    """Looks up activations of latents that are mostly silent on the stretches, and keeps only firings."""

    def __init__(self, requests: Stretches, n_latents: int) -> None:
        super().__init__(requests, n_latents)
        self._found: list[tuple[Int32s, NDArray[np.int16], Float32s]] = []

    def update(self, acts: SparseActs) -> None:
        """Answer what a shard of whole rows can answer."""
        request, place, value = self.find(acts)
        # A stretch is within a row, and a row within one shard, so 4 and 2 bytes are enough of both.
        self._found.append((request.astype(np.int32), place.astype(np.int16), value))

    def merge(self, other: SparseGather) -> None:
        """Add the answers another accumulator of the same requests found in other shards."""
        self._found += other._found

    def finalize(self) -> FiringsOnStretches:
        """The answers so far."""
        nothing = np.zeros(0, dtype=np.int32), np.zeros(0, dtype=np.int16), np.zeros(0, dtype=np.float32)
        request, place, value = (np.concatenate(parts) for parts in zip(nothing, *self._found, strict=True))
        order = np.argsort(request, kind="stable")
        bounds = np.searchsorted(request[order], np.arange(len(self.requests) + 1))
        return FiringsOnStretches(bounds, place[order], value[order], self.requests.length)

"""One SAE on all tokens, computed densely from its files and activations alone.

Plain loops over latents, tokens and rows; no code of the program is used here.
"""

from __future__ import annotations

import json
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file

Floats = NDArray[np.float64]

ROW = 128

EDGES = [2.0 ** (-10 + k / 8) for k in range(24 * 8 + 1)]

Spot = tuple[int, int, float]
"""Row, position in it, activation there."""


@dataclass(frozen=True)
class Dense:
    """One SAE on all tokens.

    Attributes:
        acts: `[n_tokens, d_sae]` activation times decoder norm, 0 where silent.
        unit: `[d_sae, d_in]` decoder rows at unit norm.
        levels: prefix widths.
        explained: explained variance of each prefix; None where the activations do not vary.
        row: scored tokens a row of text; first: position of a row's first one.
    """

    acts: Floats
    unit: Floats
    levels: tuple[int, ...]
    explained: tuple[float | None, ...]
    row: int = ROW
    first: int = 0

    @cached_property
    def fires(self) -> NDArray[np.bool_]:
        return self.acts > 0

    @cached_property
    def n(self) -> list[int]:
        return [int(column.sum()) for column in self.fires.T]

    def level(self, latent: int) -> int:
        return next(level for level, width in enumerate(self.levels) if latent < width)

    def histogram(self, latent: int) -> list[int]:
        """Counts in all bins."""
        counts = [0] * (len(EDGES) - 1)
        for value in self.acts[:, latent][self.fires[:, latent]]:
            counts[min(max(bisect_right(EDGES, value) - 1, 0), len(counts) - 1)] += 1
        return counts

    def bands(self, latent: int, n: int) -> list[float]:
        """Edges of bands of whole bins, as equal in firings as the bins allow; the lower edge on a tie."""
        counts = self.histogram(latent)
        total = sum(counts)
        if not total:
            return [EDGES[0]] * (n + 1)
        filled = [k for k, count in enumerate(counts) if count]
        first, last = filled[0], filled[-1] + 1
        below = [sum(counts[:k]) for k in range(len(EDGES))]
        inner = []
        for q in range(1, n):
            nearest = min(range(len(EDGES)), key=lambda k: (abs(n * below[k] - q * total), k))
            inner.append(min(max(nearest, first), last))
        return [EDGES[k] for k in (first, *inner, last)]

    def by_row(self, latent: int) -> list[list[Spot]]:
        """Firings of each row on which it fires."""
        rows: dict[int, list[Spot]] = {}
        for token in np.flatnonzero(self.fires[:, latent]).tolist():
            row, place = divmod(token, self.row)
            rows.setdefault(row, []).append((row, self.first + place, float(self.acts[token, latent])))
        return list(rows.values())

    def top(self, latent: int, k: int = 20) -> list[Spot]:
        """The strongest firing of each row, the k strongest rows."""
        best = [min(spots, key=lambda spot: (-spot[2], spot[1])) for spots in self.by_row(latent)]
        return sorted(best, key=lambda spot: (-spot[2], spot[0]))[:k]

    def of_bands(self, latent: int, k: int = 5) -> list[tuple[int, Spot]]:
        """(band from 1, firing): a row stands by the firing with the smallest hash; the k smallest of each band."""
        shown = {row for row, _, _ in self.top(latent)}
        edges = self.bands(latent, 5)
        chosen: dict[int, list[tuple[int, int, Spot]]] = {}
        for spots in self.by_row(latent):
            if spots[0][0] in shown:
                continue
            hashed, spot = min((hash_of(latent, spot[0], spot[1]), spot) for spot in spots)
            chosen.setdefault(band(spot[2], edges), []).append((hashed, spot[0], spot))
        found = []
        for number in sorted(chosen, reverse=True):
            kept = [spot for _, _, spot in sorted(chosen[number])[:k]]
            found += [(number + 1, spot) for spot in sorted(kept, key=lambda spot: (-spot[2], spot[0]))]
        return found

    def stretch(self, latent: int, row: int, start: int, stop: int) -> list[float]:
        """Activations of a latent on a stretch of a row."""
        values: list[float] = self.acts[row * self.row : (row + 1) * self.row, latent].tolist()
        return [*[0.0] * self.first, *values][start:stop]

    def window(self, position: int, row: int) -> tuple[int, int]:
        """24 tokens before and 10 after, inside the row."""
        end = self.first + min(self.row, len(self.acts) - row * self.row)
        return max(self.first, position - 24), min(position + 11, end)


def encode(
    folder: Path, acts: NDArray[np.float32], width: int | None = None, *, row: int = ROW, first: int = 0
) -> Dense:
    """A jumprelu SAE of a folder on activations, cut to its first `width` latents."""
    weights = {
        name: tensor.astype(np.float64) for name, tensor in load_file(folder / "sae_weights.safetensors").items()
    }
    config = json.loads((folder / "cfg.json").read_text())
    assert config["architecture"] == "jumprelu"
    x = acts.astype(np.float64)
    before = (x - config["apply_b_dec_to_input"] * weights["b_dec"]) @ weights["W_enc"] + weights["b_enc"]
    code = np.where((before > 0) & (before > weights["threshold"]), before, 0)
    norms = np.sqrt(np.square(weights["W_dec"]).sum(axis=1))
    d_sae = code.shape[1] if width is None else width
    details = config["metadata"].get("training_architecture_details") or {}
    levels = [level for level in details.get("matryoshka_widths", [code.shape[1]]) if level <= d_sae]
    variance = float(np.square(x - x.mean(axis=0)).sum())
    explained: list[float | None] = []
    for level in levels:
        output = code[:, :level] @ weights["W_dec"][:level] + weights["b_dec"]
        explained.append(1 - float(np.square(x - output).sum()) / variance if variance else None)
    unit = weights["W_dec"] / norms[:, None]
    return Dense((code * norms)[:, :d_sae], unit[:d_sae], tuple(levels), tuple(explained), row, first)


def band(value: float, edges: Sequence[float]) -> int:
    """Which band between the edges, the end ones open to the outside."""
    return sum(edge <= value for edge in edges[1:-1])


def hash_of(*numbers: int) -> int:
    """SplitMix64 of each number and of what came before it, in Python's own integers."""
    state = 0
    for number in numbers:
        state = ((state ^ number) + 0x9E3779B97F4A7C15) % 2**64
        state = (state ^ (state >> 30)) * 0xBF58476D1CE4E5B9 % 2**64
        state = (state ^ (state >> 27)) * 0x94D049BB133111EB % 2**64
        state ^= state >> 31
    return state

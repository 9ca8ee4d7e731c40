"""A comparison computed densely from SAE files and activations alone: the second implementation of everything stored.

Plain loops over latents, tokens and rows; no code of the program is used here.
"""

from __future__ import annotations

import json
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file
from scipy.stats import norm

from tests.pipeline.dense_typical import typical

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


@dataclass(frozen=True)
class DensePartner:
    """A partner of a narrow latent."""

    index: int
    weight: float
    share: float


@dataclass(frozen=True)
class DensePair:
    """Two SAEs on the same tokens.

    Attributes:
        possible: reference latents that can be a narrow latent's match.
        inputs: `[n_tokens, d_in]` what both SAEs read.
    """

    narrow: Dense
    reference: Dense
    possible: tuple[int, ...]
    inputs: Floats = field(default_factory=lambda: np.empty(0))

    @property
    def n_tokens(self) -> int:
        return len(self.narrow.acts)

    @cached_property
    def cosines(self) -> Floats:
        table: Floats = np.array([[float(d @ e) for e in self.reference.unit] for d in self.narrow.unit])
        return table

    @cached_property
    def both(self) -> list[list[int]]:
        """Tokens on which both fire, for every pair."""
        return [[int(np.count_nonzero(a & r)) for r in self.reference.fires.T] for a in self.narrow.fires.T]

    def jaccard(self, i: int, j: int) -> float:
        return self.both[i][j] / (self.narrow.n[i] + self.reference.n[j] - self.both[i][j])

    def correlation(self, i: int, j: int) -> float:
        """phi of the firings; NaN where one of them always fires, or never."""
        if {self.narrow.n[i], self.reference.n[j]} & {0, self.n_tokens}:
            return float("nan")
        return float(np.corrcoef(self.narrow.fires[:, i], self.reference.fires[:, j])[0, 1])

    def z(self, i: int, j: int, tokens: NDArray[np.bool_]) -> float:
        a, r = self.narrow.fires[tokens, i], self.reference.fires[tokens, j]
        n, p, q = len(a), a.mean(), r.mean()
        if p in (0, 1) or q in (0, 1):
            return 0.0
        spread = n * p * q * (1 - p) * (1 - q) * n / (n - 1)
        return float(((a & r).sum() - n * p * q) / np.sqrt(spread))

    def candidates(self, i: int) -> list[int]:
        near = sorted(self.possible, key=lambda j: (-abs(self.cosines[i, j]), j))[:16]
        meeting = [j for j in self.possible if self.both[i][j]]
        undefined = [j for j in meeting if np.isnan(self.correlation(i, j))]
        together = sorted(set(meeting) - set(undefined), key=lambda j: (-self.correlation(i, j), j))
        together = [*together, *undefined][:16]
        return sorted({*near, *together})

    def decompose(self, i: int) -> tuple[list[DensePartner], float]:
        """(partners, share left unexplained) by orthogonal matching pursuit on the rows themselves."""
        direction, candidates = self.narrow.unit[i], self.candidates(i)
        chosen: list[int] = []
        left, weights = direction, np.zeros(0)
        while len(chosen) < 8:
            best = max(candidates, key=lambda j: -1.0 if j in chosen else abs(self.reference.unit[j] @ left))
            rows = self.reference.unit[[*chosen, best]]
            fitted = np.linalg.lstsq(rows.T, direction, rcond=None)[0]
            still_left = direction - rows.T @ fitted
            if left @ left - still_left @ still_left < 0.01:
                break
            chosen, weights, left = [*chosen, best], fitted, still_left
        parts = np.maximum(weights * (self.reference.unit[chosen] @ direction), 0)
        found = [
            DensePartner(j, float(weight), float(part / parts.sum()))
            for j, weight, part in zip(chosen, weights, parts, strict=True)
        ]
        return sorted(found, key=lambda partner: -partner.share), float(left @ left)

    @cached_property
    def partners(self) -> list[list[DensePartner]]:
        return [self.decompose(i)[0] for i in range(len(self.narrow.n))]

    def activation_shares(self, i: int, tokens: NDArray[np.bool_]) -> Floats:
        """Shares in the variance that a regression on the partners explains."""
        a = self.narrow.acts[tokens, i]
        partners = np.array([partner.index for partner in self.partners[i]])
        r = self.reference.acts[np.ix_(np.flatnonzero(tokens), partners)]
        a, r = a - a.mean(), r - r.mean(axis=0)
        beta = np.linalg.lstsq(r, a, rcond=None)[0]
        parts = np.maximum(beta * (r.T @ a), 0)
        shares: Floats = parts / parts.sum()
        return shares

    @cached_property
    def significant(self) -> float:
        """|z| that any of all pairs reaches by chance with probability 5 %."""
        return float(norm.isf(0.025 / (len(self.narrow.n) * len(self.possible))))

    def beside(self, i: int) -> Floats:
        """`[n_tokens, 1 + k]` activations of latent i and of those it is refitted beside."""
        every = np.ones(self.n_tokens, dtype=np.bool_)
        own = self.narrow.acts[:, i]
        together = {j: float(np.corrcoef(own, self.reference.acts[:, j])[0, 1]) for j in self.possible}
        main = max(together, key=lambda j: together[j])
        strong = {j: abs(self.z(i, j, every)) for j in self.possible if j != main}
        chosen = sorted((j for j in strong if strong[j] >= self.significant), key=lambda j: -strong[j])[:32]
        within = DensePair(self.narrow, self.narrow, tuple(range(len(self.narrow.n))))
        near = [k for k in within.possible if abs(float(self.narrow.unit[i] @ self.narrow.unit[k])) <= 0.2]
        away = {k: abs(within.z(i, k, every)) for k in near}
        others = sorted((k for k in away if away[k] >= self.significant), key=lambda k: -away[k])[:16]
        return np.column_stack([own, self.narrow.acts[:, others], self.reference.acts[:, chosen]])

    def refit(self, i: int) -> tuple[float, float] | None:
        """(impurity, length kept) from the regression of the input, by halves of the rows; None where it is noise."""
        group = np.arange(self.n_tokens) // self.narrow.row % 4
        regressors, row = self.beside(i), self.narrow.unit[i]
        directions = []
        for half in ((0, 1), (2, 3)):
            tokens = np.isin(group, half)
            z, x = regressors[tokens], self.inputs[tokens]
            z, x = z - z.mean(axis=0), x - x.mean(axis=0)
            # The ridge as rows of its own: a thousandth of each regressor's sum of squares.
            ridge = np.diag(np.sqrt(1e-3 * np.square(z).sum(axis=0)))
            rows = np.vstack([z, ridge]), np.vstack([x, np.zeros((len(ridge), x.shape[1]))])
            directions.append(np.linalg.lstsq(*rows, rcond=None)[0][0])
        first, second = directions
        product = float(first @ second)
        if product <= 0.5 * float(np.linalg.norm(first) * np.linalg.norm(second)):
            return None
        impurity = 1 - float(first @ row) * float(second @ row) / product
        return min(max(impurity, 0.0), 1.0), float((first + second) @ row) / 2

    def typical(self, i: int) -> float | None:
        """Impurity from the input on the typical token on which latent i fires."""
        row = np.arange(self.n_tokens) // self.narrow.row
        return typical(self.inputs, self.narrow.acts, self.narrow.unit, i, row)

    def main_partner_of_reference(self, j: int) -> int | None:
        shares = [(partner.share, -i) for i, each in enumerate(self.partners) for partner in each if partner.index == j]
        return -max(shares)[1] if shares else None

    def joint(self, i: int, j: int) -> list[list[int]]:
        """Tokens on which both fire, by band of either activation."""
        edges = self.narrow.bands(i, 8), self.reference.bands(j, 8)
        counts = [[0] * 8 for _ in range(8)]
        for token in self.meetings(i, j):
            row = band(float(self.narrow.acts[token, i]), edges[0])
            counts[row][band(float(self.reference.acts[token, j]), edges[1])] += 1
        return counts

    def shared(self, i: int, j: int, k: int = 5) -> list[tuple[int, int]]:
        """(row, position) where both fire most strongly, each relative to its largest activation."""
        largest = self.narrow.acts[:, i].max(), self.reference.acts[:, j].max()
        rows: dict[int, tuple[float, int]] = {}
        for token in self.meetings(i, j):
            strength = min(self.narrow.acts[token, i] / largest[0], self.reference.acts[token, j] / largest[1])
            row, place = divmod(token, self.narrow.row)
            rows[row] = max(rows.get(row, (0.0, 0)), (float(strength), -self.narrow.first - place))
        best = sorted(rows.items(), key=lambda item: (-item[1][0], item[0]))[:k]
        return [(row, -place) for row, (_, place) in best]

    def meetings(self, i: int, j: int) -> Iterable[int]:
        tokens: list[int] = np.flatnonzero(self.narrow.fires[:, i] & self.reference.fires[:, j]).tolist()
        return tokens


def compare(
    narrow_folder: Path,
    reference_folder: Path,
    acts: NDArray[np.float32],
    *,
    narrow_width: int | None = None,
    row: int = ROW,
    first: int = 0,
) -> DensePair:
    """Both SAEs; with `narrow_width` the narrow one is a prefix of the reference, whose own latents are left out."""
    narrow = encode(narrow_folder, acts, narrow_width, row=row, first=first)
    reference = encode(reference_folder, acts, row=row, first=first)
    first = narrow_width or 0
    possible = tuple(j for j in range(first, len(reference.n)) if reference.n[j])
    return DensePair(narrow, reference, possible, acts.astype(np.float64))

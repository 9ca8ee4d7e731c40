"""A comparison computed densely from SAE files and activations alone: the second implementation of everything stored.

Plain loops over latents, tokens and rows; no code of the program is used here.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tests.pipeline.dense_mixing import DenseMixing
from tests.pipeline.dense_sae import ROW, Dense, Floats, band, encode


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
        is_prefix: whether the narrow SAE is the reference's own prefix.
    """

    narrow: Dense
    reference: Dense
    possible: tuple[int, ...]
    inputs: Floats
    is_prefix: bool

    @property
    def n_tokens(self) -> int:
        return len(self.narrow.acts)

    @cached_property
    def every(self) -> NDArray[np.bool_]:
        """All tokens, as a mask."""
        return np.ones(self.n_tokens, dtype=np.bool_)

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
        """The decompositions, with the latent that each stands for in front."""
        return [self._own_first(i, self.decompose(i)[0]) for i in range(len(self.narrow.n))]

    def _own_first(self, i: int, partners: list[DensePartner]) -> list[DensePartner]:
        evidence = self.mixing.evidence[i]
        if evidence is None or evidence.own < 0:
            return partners
        own = [partner for partner in partners if partner.index == evidence.own]
        others = [partner for partner in partners if partner.index != evidence.own]
        return [*(own or [DensePartner(evidence.own, 0.0, 0.0)]), *others]

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
    def mixing(self) -> DenseMixing:
        """The hedging scores, from the same tokens."""
        group = np.arange(self.n_tokens) // self.narrow.row % 4
        order = np.argsort(group, kind="stable")
        return DenseMixing(
            inputs=self.inputs[order],
            a=self.narrow.acts[order],
            z=self.reference.acts[order],
            d=self.narrow.unit,
            e=self.reference.unit,
            group=group[order],
            possible=self.possible,
            is_prefix=self.is_prefix,
        )

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
    return DensePair(narrow, reference, possible, acts.astype(np.float64), narrow_width is not None)

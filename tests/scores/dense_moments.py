"""Dense activations to moments, and the regression written out: what the scores are held against."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.scores.partner_evidence import PartnerMoments
from app.scores.partners import PartnerLists

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]


@dataclass(frozen=True)
class Dense:
    """A few narrow latents with their partners.

    Attributes:
        narrow: `[n_tokens, L]` activations, 0 where silent.
        reference: `[n_tokens, M]`.
        partners: `[L, K]` reference latents, main partner first.
        weights, shares: `[L, K]` of the decomposition.
        valid: `[L, K]`.
    """

    narrow: Floats
    reference: Floats
    partners: Ints
    weights: Floats
    shares: Floats
    valid: Flags

    def lists(self) -> PartnerLists:
        """The partners as the scores take them; no residual is known."""
        residual = np.full(len(self.partners), np.nan)
        return PartnerLists(self.partners, self.weights, self.shares, self.valid, residual)

    def moments(self) -> PartnerMoments:
        """Sums over tokens, one latent and partner at a time."""
        n_latents, longest = self.partners.shape
        counts = {name: np.zeros((n_latents, longest), dtype=np.int64) for name in ("n_j", "n_both")}
        sums = {name: np.zeros((n_latents, longest)) for name in ("sum_j", "sum_ij")}
        sum_jk = np.zeros((n_latents, longest, longest))
        for i, k in zip(*np.nonzero(self.valid), strict=True):
            a, r = self.narrow[:, i], self.reference[:, self.partners[i, k]]
            counts["n_j"][i, k] = np.count_nonzero(r)
            counts["n_both"][i, k] = np.count_nonzero((a > 0) & (r > 0))
            sums["sum_j"][i, k] = r.sum()
            sums["sum_ij"][i, k] = (a * r).sum()
            for other in np.flatnonzero(self.valid[i]):
                sum_jk[i, k, other] = (r * self.reference[:, self.partners[i, other]]).sum()
        return PartnerMoments(
            n_tokens=len(self.narrow),
            n_i=(self.narrow > 0).sum(axis=0),
            sum_i=self.narrow.sum(axis=0),
            sum_ii=np.square(self.narrow).sum(axis=0),
            n_j=counts["n_j"],
            sum_j=sums["sum_j"],
            n_both=counts["n_both"],
            sum_ij=sums["sum_ij"],
            sum_jk=sum_jk,
        )

    def only(self, tokens: Flags) -> Dense:
        """Some tokens of it."""
        return replace(self, narrow=self.narrow[tokens], reference=self.reference[tokens])

    def padded(self, extra: int) -> Dense:
        """The same with wider lists."""

        def wider(values: NDArray[Any]) -> NDArray[Any]:
            return np.pad(values, ((0, 0), (0, extra)))

        return replace(
            self,
            partners=wider(self.partners),
            weights=wider(self.weights),
            shares=wider(self.shares),
            valid=wider(self.valid),
        )


def regression_shares(dense: Dense, i: int) -> Floats:
    """Shares of latent i's partners in its explained variance, by least squares on centred activations."""
    partners = dense.partners[i][dense.valid[i]]
    a = dense.narrow[:, i] - dense.narrow[:, i].mean()
    r = dense.reference[:, partners] - dense.reference[:, partners].mean(axis=0)
    beta = np.linalg.lstsq(r, a, rcond=None)[0]
    covariances = np.array([np.cov(a, column, bias=True)[0, 1] for column in r.T])
    contribution = np.maximum(beta * covariances, 0)
    shares: Floats = contribution / contribution.sum()
    return shares


def sparse_acts(rng: np.random.Generator, n_tokens: int, n_latents: int, density: float = 0.2) -> Floats:
    """Random activations, zero where silent."""
    fires = rng.random((n_tokens, n_latents)) < density
    acts: Floats = np.where(fires, rng.gamma(2.0, 1.0, fires.shape), 0)
    return acts


def random_dense(seed: int, n_tokens: int = 1000, n_latents: int = 6, longest: int = 4) -> Dense:
    """Narrow latents that mix their partners' activations with noise; lists of different lengths."""
    rng = np.random.default_rng(seed)
    reference = sparse_acts(rng, n_tokens, 12)
    partners = np.array([rng.choice(12, size=longest, replace=False) for _ in range(n_latents)])
    valid = np.arange(longest)[None, :] < rng.integers(1, longest + 1, n_latents)[:, None]
    weights = np.where(valid, rng.normal(size=partners.shape), 0)
    mixed = np.einsum("lk,tlk->tl", np.abs(weights), reference[:, partners])
    narrow = np.maximum(mixed + rng.normal(size=mixed.shape) - 0.5, 0)
    shares = np.where(valid, rng.random(partners.shape), 0)
    shares = -np.sort(-shares / shares.sum(axis=1, keepdims=True), axis=1)
    return Dense(narrow, reference, np.where(valid, partners, 0), weights, shares, valid)

"""The hedging score of one latent, from activations and weights alone: the second implementation of it.

Everything is dense and in float64, one latent at a time, written from the definitions in `app/scores/mixing`. It has
no limits on the number of candidates, so it is for SAEs that have few.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm, t

Floats = NDArray[np.float64]
PARTS = ((0, 1), (2, 3), (0,), (1,), (2,), (3,))
RIDGE, NOISE, RESIDUAL_NOISE = 1e-3, 1e-3, 3e-3


@dataclass(frozen=True)
class DenseMixing:
    """Both SAEs on some tokens.

    Attributes:
        inputs: `[T, d]`; a: `[T, n]`, z: `[T, m]` activations; d: `[n, d]`, e: `[m, d]` unit rows.
        group: `[T]` group of rows of each token, ascending; possible: reference latents that can be partners.
        is_prefix: whether the narrow latents are the reference's first ones; each is its own main partner then.
    """

    inputs: Floats
    a: Floats
    z: Floats
    d: Floats
    e: Floats
    group: NDArray[np.int64]
    possible: tuple[int, ...]
    is_prefix: bool

    @cached_property
    def evidence(self) -> list[Evidence | None]:
        """Of each narrow latent; None where it fires too seldom."""
        return [self._one(i) if np.count_nonzero(self.a[:, i]) >= 30 else None for i in range(len(self.d))]

    @cached_property
    def scores(self) -> list[float | None]:
        """Of all narrow latents."""
        found = [each for each in self.evidence if each is not None]
        p = np.sort(np.concatenate([np.empty(0), *(each.p for each in found)]))
        n_tests = max(sum(each.n_tested for each in found), len(p))
        # Benjamini and Hochberg: the largest p that is still called significant.
        right = np.flatnonzero(p * n_tests / (1 + np.arange(len(p))) <= 0.05)
        bar = p[right[-1]] if len(right) else -1.0
        return [None if each is None else each.score(bar) for each in self.evidence]

    def _one(self, i: int) -> Evidence:
        firing = np.array([self._z(i, j) for j in self.possible])
        bar = norm.isf(0.025 / (len(self.d) * len(self.possible)))
        together = {j: float(np.corrcoef(self.a[:, i], self.z[:, j])[0, 1]) for j in self.possible}
        fit = {j: together[j] * max(float(self.d[i] @ self.e[j]), 0) for j in self.possible}
        main = i if self.is_prefix else max(fit, key=lambda j: fit[j])
        significant = [j for j, value in zip(self.possible, firing, strict=True) if abs(value) > bar]
        sign = dict(zip(self.possible, np.sign(firing), strict=True))
        used = sorted({*significant, main} - ({i} if self.is_prefix else set()))
        beside = [j for j in significant if j != main and self.e[j] @ self.e[main] < 0.8]
        correlation = np.array([together[j] for j in used])
        signs = np.array([sign[j] for j in used])
        return Evidence(self, i, main, used, beside, signs, correlation, max(len(significant), 1))

    def _z(self, i: int, j: int) -> float:
        """Standard score of the co-firing."""
        one, other = self.a[:, i] > 0, self.z[:, j] > 0
        n, p, q = len(one), float(one.mean()), float(other.mean())
        spread = p * q * (1 - p) * (1 - q) * n * n / (n - 1)
        return 0.0 if spread == 0 else float(((one & other).sum() - n * p * q) / np.sqrt(spread))

    def composition(self, part: tuple[int, ...]) -> tuple[Floats, Floats]:
        """(`[T_part, n]` what is left of each narrow activation, `[n, m]` W)."""
        tokens = np.isin(self.group, part)
        a, z = _centred(self.a[tokens]), _centred(self.z[tokens])
        gram = a.T @ a
        diagonal = np.diag(gram)
        left: Floats = a @ np.linalg.inv(gram + np.diag(RIDGE * diagonal + 1e-6 * max(diagonal.max(), 1e-12)))
        return left, left.T @ z


@dataclass(frozen=True)
class Evidence:
    """Of latent i with the reference latents `used`, of which those `beside` take part in regressions of residuals."""

    world: DenseMixing
    i: int
    main: int
    used: list[int]
    beside: list[int]
    sign: Floats
    correlation: Floats
    n_tested: int

    def score(self, bar: float) -> float:
        """The sum over partners whose p-value is at most the bar."""
        return min(float(self.mass[(self.mass >= 0.005) & (self.p <= bar)].sum()), 1.0)

    @cached_property
    def weight(self) -> Floats:
        """`[parts, used]` W."""
        return np.stack([self.world.composition(part)[1][self.i, self.used] for part in PARTS])

    @cached_property
    def deviations(self) -> Floats:
        """`[2, parts, d]` H of both residuals."""
        w, found = self.world, np.zeros((2, len(PARTS), self.world.inputs.shape[1]))
        swapped = np.outer(w.z[:, self.main], w.e[self.main]) - np.outer(w.a[:, self.i], w.d[self.i])
        targets = w.inputs - w.a @ w.d, w.inputs - w.z @ w.e + swapped
        for place, part in enumerate(PARTS):
            tokens = np.isin(w.group, part)
            regressors = _centred(np.column_stack([w.a[tokens, self.i], w.z[tokens][:, self.beside]]))
            gram = regressors.T @ regressors
            ridge = RIDGE * np.diag(gram) + 1e-9 * max(np.diag(gram).sum(), 1e-9)
            for side, target in enumerate(targets):
                fitted = np.linalg.solve(gram + np.diag(ridge), regressors.T @ _centred(target[tokens]))
                found[side, place] = -fitted[0]
        return found

    @cached_property
    def seen(self) -> Floats:
        """`[2, parts, used]` H along the rows, 0 for rows that took no part."""
        return np.asarray(self.deviations @ self.world.e[self.used].T * np.isin(self.used, self.beside))

    @cached_property
    def composition(self) -> Floats:
        """`[used]` masses in the row as it is written."""
        rows, row = self.world.e[self.used], self.world.d[self.i]
        scale = np.maximum(np.maximum(_agreed(self.weight) * self.sign, _agreed(self.seen[0]) * self.sign - 0.03), 0)
        sign, main = self.sign.copy(), np.array(self.used) == self.main
        scale[main], sign[main] = np.maximum(scale[main], 0.3), 1
        return np.asarray(np.maximum(_ridge(rows, row, scale, sign, NOISE) * (rows @ row), 0))

    @cached_property
    def own(self) -> int:
        """The reference latent that it stands for; -1 for none."""
        match = np.where(self.composition >= 0.005, self.composition * np.maximum(self.correlation, 0), 0.0)
        return self.used[int(match.argmax())] if self.main in self.used and match.max() > 0 else -1

    @cached_property
    def mass(self) -> Floats:
        """`[used]` mixed masses."""
        rows, row = self.world.e[self.used], self.world.d[self.i]
        other = rows @ (self.world.e[self.own] if self.own >= 0 else row) <= 0.8
        residual = np.minimum(self._residual(0, rows, row), self._residual(1, rows, row))
        return np.asarray(np.maximum(self.composition, residual) * other)

    def _residual(self, side: int, rows: Floats, row: Floats) -> Floats:
        """`[used]` masses that one residual points to."""
        scale = np.maximum(_agreed(self.seen[side]) * self.sign - 0.02, 0)
        target = self.deviations[side, :2].mean(axis=0)
        beta = _ridge(rows, target, scale, self.sign, RESIDUAL_NOISE)
        mixed = beta @ rows
        own = row - mixed if np.linalg.norm(row - mixed) >= 0.2 else row - 0.8 * mixed
        counted = mixed - float(mixed @ own) / max(float(own @ own), 1e-4) * own
        return np.asarray(np.maximum(beta * (rows @ counted), 0))

    @cached_property
    def p(self) -> Floats:
        """`[used]` p-values."""
        left = np.concatenate([self.world.composition(part)[0][:, self.i] for part in PARTS[:2]])
        stretch = np.arange(len(left)) * 512 // len(left)
        products = left[:, None] * self.world.z[:, self.used]
        sums: Floats = np.stack([products[stretch == s].sum(axis=0) for s in range(512)])
        error = np.sqrt(np.maximum((sums**2).sum(axis=0) - sums.sum(axis=0) ** 2 / 512, 1e-30)) / 2
        of_weight: Floats = norm.sf(self.sign * self.weight[:2].mean(axis=0) / error)
        return np.asarray(np.minimum(3 * np.minimum.reduce([of_weight, self._moderated(0), self._moderated(1)]), 1))

    def _moderated(self, side: int) -> Floats:
        values = self.seen[side, 2:] * self.sign
        used = values.any(axis=0)
        pooled = float(values.var(axis=0, ddof=1)[used].mean()) if used.any() else 0.0
        variance: Floats = (12 * pooled + 3 * values.var(axis=0, ddof=1)) / 15
        return np.where(used, t.sf(values.mean(axis=0) / np.sqrt(np.maximum(variance / 4, 1e-20)), 15), 1.0)


def _centred(values: Floats) -> Floats:
    return np.asarray(values - values.mean(axis=0))


def _agreed(parts: Floats) -> Floats:
    """Signed geometric mean of the two halves, 0 where their signs differ."""
    product = parts[0] * parts[1]
    return np.where(product > 0, np.sign(parts[0]) * np.sqrt(np.abs(product)), 0.0)


def _ridge(rows: Floats, target: Floats, scale: Floats, sign: Floats, noise: float) -> Floats:
    """Posterior mean of the weights; those of a wrong sign are left out and the others fitted again, three times."""
    weight, left = np.zeros(len(rows)), scale > 1e-4
    for _ in range(4):
        scaled = rows[left] * scale[left, None]
        weight[:] = 0
        weight[left] = scale[left] * np.linalg.solve(scaled @ scaled.T + noise * np.eye(len(scaled)), scaled @ target)
        left &= np.sign(weight) == sign
    return np.where(np.sign(weight) == sign, weight, 0.0)

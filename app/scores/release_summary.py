"""An intervention in a few numbers: did the pairs that were predicted fall, and only where their partner was added?"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from scipy.stats import t as student

from app.arrays import Flags, Float32s, Float64s, Int64s
from app.records import FallSummary
from app.scores.release import Releases, motion_cosines

NAMED_MASS = 0.01
"""A pair counts as named from this predicted mass on: a hundredth of the latent's squared norm."""

MAX_OTHERS = 100_000
"""Pairs that are not named, of which so many at most stand for all: drawn at random."""

CONFIDENCE = 0.95


def named_pairs(mass: Float64s, alive: Flags) -> Flags:
    """`[n, m]` pairs of an alive narrow latent and a candidate that hold predicted mass."""
    return (mass >= NAMED_MASS) & alive[:, None]


def intervals(releases: Releases) -> tuple[Float64s, Float64s]:
    """`[n, m]` low and high ends of the 95 % intervals, Student's t over blocks; NaN for one block."""
    if releases.n_blocks < 2:
        return releases.se, releases.se
    half = float(student.ppf((1 + CONFIDENCE) / 2, releases.n_blocks - 1)) * releases.se
    return releases.release - half, releases.release + half


def pairs_to_keep(releases: Releases, named: Flags, alive: Flags, *, n_others: int) -> Int64s:
    """`[pairs, 2]` (narrow, candidate) of the named pairs and of each alive latent's largest other releases."""
    others = np.where(named | ~alive[:, None], -np.inf, releases.release)
    n_others = min(n_others, others.shape[1])
    largest = np.argpartition(-others, n_others - 1, axis=1)[:, :n_others]
    kept = named.copy()
    np.put_along_axis(kept, largest, True, axis=1)
    kept &= alive[:, None]
    return np.argwhere(kept)


@dataclass
class _Group:
    """Falls of the pairs of one kind, in the runs that added their partner or in those that did not."""

    falls: list[Float64s] = field(default_factory=list)
    cosines: list[Float64s] = field(default_factory=list)

    def summary(self) -> FallSummary:
        falls = np.concatenate([*self.falls, np.zeros(0)])
        cosines = np.concatenate([*self.cosines, np.zeros(0)])
        known = cosines[np.isfinite(cosines)]
        return FallSummary(
            n=len(falls),
            share_falling=float((falls > 0).mean()) if len(falls) else None,
            median=float(np.median(falls)) if len(falls) else None,
            motion_cosine=float(np.median(known)) if len(known) else None,
        )


class FallLog:
    """Takes run after run.

    Args:
        mass: `[n, m]` predicted mass of narrow latents with candidates.
        cosine: `[n, m]` of the start's decoder rows with theirs.
        directions: `[m, d_in]` unit rows of the candidates.
        alive: `[n]` narrow latents that fire.
    """

    def __init__(self, mass: Float64s, cosine: Float64s, directions: Float32s, alive: Flags) -> None:
        named = named_pairs(mass, alive)
        self._named = np.nonzero(named)
        others = np.argwhere(~named & alive[:, None])
        if len(others) > MAX_OTHERS:
            others = np.random.default_rng(0).choice(others, MAX_OTHERS, replace=False)
        self._others = others[:, 0], others[:, 1]
        self._motion = (np.where(named, mass, 0) * np.sign(cosine)).astype(np.float32)
        self._directions = directions
        self._groups = {(kind, added): _Group() for kind in ("named", "other") for added in (True, False)}

    def update(self, falls: Float64s, change: Float32s, added: Flags) -> None:
        """One more run.

        Args:
            falls: `[n, m]` of the run against its control.
            change: `[n, d_in]` the run's decoder rows less its control's.
            added: `[m]` candidates that it added.
        """
        for kind, (rows, columns) in (("named", self._named), ("other", self._others)):
            for which in (True, False):
                chosen = added[columns] == which
                self._groups[kind, which].falls.append(falls[rows[chosen], columns[chosen]])
        for which in (True, False):
            predicted = -self._motion[:, added == which] @ self._directions[added == which]
            self._groups["named", which].cosines.append(motion_cosines(change, predicted))

    def summary(self, kind: str, *, added: bool) -> FallSummary:
        """Of the `named` or the `other` pairs, in the runs that added their partner or in the others."""
        return self._groups[kind, added].summary()

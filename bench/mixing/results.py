"""What the score finds of each narrow latent: partners, masses, intervals."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

HINT, TIMES = 0.25, 3.0
"""P(i | j, own silent) from which a partner is hinted at as merged, and how many times the base rate."""


@dataclass(frozen=True)
class NamedPartner:
    """A reference latent that is mixed into a narrow one.

    Attributes:
        index: of the reference latent; mass: M; low, high: its 95 % interval.
        composition, residual: C and R; weight: w in the row, with the sign of the co-firing.
        q: false discovery rate at which its evidence is significant.
        p_alone: P(i | j, own silent), p_base: P(i | own silent); NaN where never. A hint at merging, no more.
        n_alone: tokens on which j fires and the own reference latent is silent.
    """

    index: int
    mass: float
    low: float
    high: float
    composition: float
    residual: float
    weight: float
    q: float
    p_alone: float
    p_base: float
    n_alone: int

    @property
    def merged(self) -> bool:
        """Whether the latent also fires on this partner alone."""
        return self.weight > 0 and self.n_alone >= 10 and self.p_alone >= max(HINT, TIMES * self.p_base)


@dataclass(frozen=True)
class LatentMixing:
    """One narrow latent.

    Attributes:
        score: NaN where it fires too seldom; low, high: 95 % interval; chance: its score by chance.
        own: reference latent that it stands for, -1 for none; own_mass: that row's part.
        partners: named ones, by descending mass.
    """

    score: float
    low: float
    high: float
    chance: float
    own: int
    partners: tuple[NamedPartner, ...]


@dataclass(frozen=True)
class Mixing:
    """All narrow latents; chance_level: 95 % point of their scores by chance."""

    latents: tuple[LatentMixing, ...]
    chance_level: float

    @property
    def score(self) -> Floats:
        """`[n]`."""
        return np.array([latent.score for latent in self.latents])

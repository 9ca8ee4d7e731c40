"""What the score finds of all narrow latents, as arrays."""

from __future__ import annotations

from dataclasses import dataclass

from app.arrays import Flags, Float64s, Int64s

HINT, TIMES, MIN_TOKENS = 0.25, 3.0, 10
"""A partner is hinted at as merged from this P(i | j, own silent), this many times the base rate, on so many tokens."""


@dataclass(frozen=True)
class NamedPartners:
    """Pairs of a narrow latent and a reference latent that is mixed into it, by narrow latent, then descending mass.

    Attributes:
        narrow, reference: `[N]` the two latents.
        mass, low, high: `[N]` mixed mass and its 95 % interval.
        composition, residual: `[N]` the two masses of which the larger is the mixed mass.
        weight: `[N]` of the reference row in the narrow one, with the sign of the co-firing.
        q: `[N]` false discovery rate at which its evidence is significant.
        p_alone: `[N]` P(i | j, own silent), NaN where that never happens; p_base: `[N]` P(i | own silent);
            n_alone: `[N]` tokens on which j fires and the own reference latent is silent.
    """

    narrow: Int64s
    reference: Int64s
    mass: Float64s
    low: Float64s
    high: Float64s
    composition: Float64s
    residual: Float64s
    weight: Float64s
    q: Float64s
    p_alone: Float64s
    p_base: Float64s
    n_alone: Int64s

    @property
    def merged(self) -> Flags:
        """`[N]` whether the latent fires on the partner alone too: a hint, since a hedge pulls the encoder along."""
        often = self.p_alone >= HINT
        often &= self.p_alone >= TIMES * self.p_base
        return often & (self.weight > 0) & (self.n_alone >= MIN_TOKENS)


@dataclass(frozen=True)
class Mixing:
    """Of L narrow latents.

    Attributes:
        score, low, high: `[L]` hedging score and its 95 % interval; NaN where the latent fires too seldom.
        merged: `[L]` the part of the score that lies with partners that are hinted at as merged.
        chance: `[L]` 95 % point of the scores by chance of latents of similar density; chance_level: of all latents,
            NaN where none has a score.
        own: `[L]` reference latent that each stands for, -1 for none.
        partners: the terms of the scores.
        n_firings: `[L]` tokens of the sample on which each fires; n_tokens: of the sample.
    """

    score: Float64s
    low: Float64s
    high: Float64s
    merged: Float64s
    chance: Float64s
    chance_level: float
    own: Int64s
    partners: NamedPartners
    n_firings: Int64s
    n_tokens: int

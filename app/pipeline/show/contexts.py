"""Contexts of latents: stretches of text with the latent's activations and its main partner's."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from app.activations.batch import TokenRows
from app.arrays import Flags, Int64s
from app.pipeline.show.rounding import shown_activations
from app.pipeline.show.windows import windows
from app.records import Context
from app.stats.contexts import ChosenContexts
from app.stats.stretches import StretchActivations, Stretches

KINDS = ("top", *(f"q{fifth}" for fifth in range(1, 6)))

LATENTS_AT_ONCE = 64
"""Some 3,000 contexts: one array operation for all costs what one for each latent would."""


@dataclass(frozen=True)
class ContextStretches:
    """Where activations are looked up for the contexts of one SAE's latents.

    Attributes:
        own: of the latent itself; partner: of its main partner, latent 0 where it has none.
        has_partner: `[n]`.
    """

    own: Stretches
    partner: Stretches
    has_partner: Flags


def context_stretches(rows: TokenRows, chosen: ChosenContexts, main_partner: Int64s) -> ContextStretches:
    """The stretches around chosen tokens.

    Args:
        main_partner: `[d_sae]` in the other SAE, -1 for none.
    """
    start, stop = windows(rows, chosen.row, chosen.position)
    partner = main_partner[chosen.latent]
    return ContextStretches(
        own=Stretches(chosen.latent, chosen.row, start, stop),
        partner=Stretches(np.maximum(partner, 0), chosen.row, start, stop),
        has_partner=partner >= 0,
    )


@dataclass(frozen=True)
class ContextTable:
    """All contexts of one SAE with the activations on their stretches.

    Attributes:
        chosen: which tokens; stretches: around them.
        own: activations of the latent; partner: of its main partner.
    """

    chosen: ChosenContexts
    stretches: ContextStretches
    own: StretchActivations
    partner: StretchActivations

    def by_latent(self, n_latents: int) -> Iterator[tuple[Context, ...]]:
        """Contexts of each latent in turn, made for some latents at a time."""
        bounds = np.searchsorted(self.chosen.latent, np.arange(n_latents + 1)).tolist()
        for start in range(0, n_latents, LATENTS_AT_ONCE):
            here = bounds[start : start + LATENTS_AT_ONCE + 1]
            contexts = self._contexts(slice(here[0], here[-1]))
            yield from (tuple(contexts[first - here[0] : last - here[0]]) for first, last in pairwise(here))

    def _contexts(self, entries: slice) -> list[Context]:
        chosen = self.chosen
        return [
            Context(
                kind=KINDS[kind],
                row=row,
                position=position,
                start=start,
                activation=activation,
                activations=own,
                partner_activations=partner if has_partner else None,
            )
            for kind, row, position, start, activation, own, partner, has_partner in zip(
                chosen.kind[entries].tolist(),
                chosen.row[entries].tolist(),
                chosen.position[entries].tolist(),
                self.stretches.own.start[entries].tolist(),
                chosen.activation[entries].tolist(),
                shown_activations(self.own, entries),
                shown_activations(self.partner, entries),
                self.stretches.has_partner[entries].tolist(),
                strict=True,
            )
        ]

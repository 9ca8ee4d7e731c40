"""For how long and how fast an SAE is trained."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Schedule:
    """The part of a training plan that all kinds of SAE have.

    Attributes:
        n_tokens: training tokens; the text is gone through again when it has fewer.
        batch_size: tokens a step.
        lr: peak learning rate, reached after `warm_up` and lowered to a hundredth over `decay`
            (both as shares of all steps).
        dead_after_tokens: tokens without a firing after which a latent counts as dead.
        seed: of initialisation and batch order.
    """

    n_tokens: int
    batch_size: int
    lr: float
    warm_up: float
    decay: float
    dead_after_tokens: int
    seed: int

    @property
    def n_steps(self) -> int:
        """Optimiser steps."""
        return self.n_tokens // self.batch_size

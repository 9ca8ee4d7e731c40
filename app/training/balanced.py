"""Balanced Matryoshka: SAELens' Matryoshka BatchTopK with a weight on each level's loss.

Source: Chanin, Dulka & Garriga-Alonso, *Feature Hedging*, arXiv 2505.11756, the section on balanced
Matryoshka SAEs. An inner level is a narrow SAE and hedges; the loss of the outer levels pulls it
towards absorption instead. Weighing the inner losses down trades the one against the other.

SAELens is imported with this module, which takes seconds: import it where it is used.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from sae_lens import MatryoshkaBatchTopKTrainingSAE, MatryoshkaBatchTopKTrainingSAEConfig, register_sae_training_class

from app.errors import SaeError

ARCHITECTURE = "balanced_matryoshka_batchtopk"
"""As SAELens' registry and the metadata of a saved SAE name it."""


def level_multipliers(per_level: float, n_levels: int) -> list[float]:
    """Weights of the levels' losses, innermost first: 1 for the outermost, times `per_level` for each further in.

    Raises:
        SaeError: `per_level` is negative or no number.
    """
    if not (math.isfinite(per_level) and per_level >= 0):
        raise SaeError(f"multiplier {per_level}: expected a number of at least 0; 1 is SAELens' own Matryoshka loss")
    return [per_level**distance for distance in reversed(range(n_levels))]


@dataclass
class BalancedMatryoshkaTrainingSAEConfig(MatryoshkaBatchTopKTrainingSAEConfig):  # type: ignore[misc]
    """SAELens' configuration and one weight per level.

    Attributes:
        matryoshka_multipliers: innermost first, as many as `matryoshka_widths`.
    """

    matryoshka_multipliers: list[float] = field(default_factory=list)

    @classmethod
    def architecture(cls) -> str:
        """Name in SAELens' registry."""
        return ARCHITECTURE


class BalancedMatryoshkaTrainingSAE(MatryoshkaBatchTopKTrainingSAE):  # type: ignore[misc]
    """Trains on the weighted sum of the levels' losses: `sum over levels l of m_l · MSE_l`, plus SAELens'
    auxiliary loss for dead latents, which keeps its own coefficient.

    Saved for inference it is a JumpReLU SAE like any Matryoshka SAE of SAELens; widths and weights
    stay in `metadata.training_architecture_details`.

    Raises:
        SaeError: the weights are not one finite, non-negative number per level.
    """

    cfg: BalancedMatryoshkaTrainingSAEConfig

    def __init__(self, cfg: BalancedMatryoshkaTrainingSAEConfig, use_error_term: bool = False) -> None:
        super().__init__(cfg, use_error_term)
        _check_multipliers(cfg.matryoshka_multipliers, cfg.matryoshka_widths)

    def training_forward_pass(self, step_input: Any) -> Any:
        """SAELens' pass, its losses weighted; `losses` holds them as they were, unweighted."""
        output = super().training_forward_pass(step_input)
        *inner, outermost = self.cfg.matryoshka_multipliers
        names = [f"inner_mse_loss_{width}" for width in self.cfg.matryoshka_widths[:-1]]
        for name, multiplier in zip([*names, "mse_loss"], [*inner, outermost], strict=True):
            # SAELens counts each once. Autograd adds the two factors before it goes back through
            # the loss, so that a weight of 1 or 0 is exactly that in the gradient too.
            output.loss = output.loss + (multiplier - 1) * output.losses[name]
        return output


def _check_multipliers(multipliers: Sequence[float], widths: Sequence[int]) -> None:
    if len(multipliers) != len(widths):
        raise SaeError(f"{len(multipliers)} multipliers for the levels {list(widths)}; expected one per level")
    if not all(math.isfinite(value) and value >= 0 for value in multipliers):
        raise SaeError(f"multipliers {list(multipliers)}: expected numbers of at least 0")


register_sae_training_class(ARCHITECTURE, BalancedMatryoshkaTrainingSAE, BalancedMatryoshkaTrainingSAEConfig)

"""Train narrow, Matryoshka and balanced Matryoshka SAEs on cached activations, with SAELens' trainer."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, Protocol

import torch

from app.errors import SaeError
from app.sae.levels import find_widths
from app.training.files import whole_folder
from app.training.schedule import Schedule

Architecture = Literal["batchtopk", "matryoshka-batchtopk", "balanced-matryoshka"]

BALANCED: Architecture = "balanced-matryoshka"

DEFAULT_MULTIPLIER = 0.75
"""Of a balanced Matryoshka SAE, per level: the choice of arXiv 2505.11756."""

log = logging.getLogger(__name__)


class Batches(Protocol):
    """Endless batches `[batch_size, d_in]` of activations."""

    @property
    def d_in(self) -> int:
        """Width of the activations."""

    def __iter__(self) -> Iterator[torch.Tensor]:
        """Itself."""

    def __next__(self) -> torch.Tensor:
        """The next batch."""


@dataclass(frozen=True, kw_only=True)
class TrainingPlan(Schedule):
    """How one SAE is trained; stored with the weights as `training.json`.

    Attributes:
        architecture: SAELens' BatchTopK (a narrow SAE), its Matryoshka BatchTopK, or that one balanced.
        d_sae: number of latents.
        matryoshka_widths: ascending prefix widths; empty for a plain SAE.
        k: active latents per token, on average over a batch.
        aux_loss_coefficient: weight of the loss that revives dead latents.
        model_name, hook_name: written into the SAE's metadata.
        multiplier: of a balanced Matryoshka SAE: a level's loss weighs this times what the next
            level outwards weighs. None for the others.

    Raises:
        SaeError: a multiplier without a balanced architecture, or none with it.
    """

    architecture: Architecture
    d_sae: int
    matryoshka_widths: tuple[int, ...]
    k: float
    aux_loss_coefficient: float
    model_name: str
    hook_name: str
    multiplier: float | None = None

    def __post_init__(self) -> None:
        if (self.architecture == BALANCED) != (self.multiplier is not None):
            raise SaeError(f"{self.architecture} with multiplier {self.multiplier}: only {BALANCED} takes a multiplier")


def train(plan: TrainingPlan, activations: Batches, *, device: str = "cpu", frozen_decoder: bool = False) -> Any:
    """Train one SAE.

    Activations are scaled so that their mean norm is `sqrt(d_in)` ("expected_average_only_in" of
    SAELens), and the scale is folded into the weights at the end, so that the SAE reads raw
    activations.

    Args:
        frozen_decoder: whether decoder rows stay as they are drawn, so that only the rest learns.

    Returns:
        a SAELens training SAE in float32.

    Raises:
        SaeError: the plan is invalid.
    """
    _check(plan)
    torch.manual_seed(plan.seed)
    sae = _new_sae(plan, activations.d_in, device)
    sae.W_dec.requires_grad_(not frozen_decoder)
    trainer = trainer_of(sae, plan, activations, device=device)
    _start_at_mean(trainer, activations)
    return trainer.fit()


def trainer_of(sae: Any, plan: Schedule, activations: Iterator[torch.Tensor], *, device: str) -> Any:
    """SAELens' trainer of an SAE, set up by a plan and reporting to the log; `fit()` runs it."""
    from sae_lens.config import LoggingConfig, SAETrainerConfig
    from sae_lens.training.sae_trainer import SAETrainer

    config = SAETrainerConfig(
        n_checkpoints=0,
        checkpoint_path=None,
        save_final_checkpoint=False,
        total_training_samples=plan.n_steps * plan.batch_size,
        device=device,
        autocast=False,
        lr=plan.lr,
        lr_end=plan.lr / 100,
        lr_scheduler_name="constant",
        lr_warm_up_steps=int(plan.warm_up * plan.n_steps),
        adam_beta1=0.9,
        adam_beta2=0.999,
        lr_decay_steps=int(plan.decay * plan.n_steps),
        n_restart_cycles=1,
        train_batch_size_samples=plan.batch_size,
        dead_feature_window=max(1, plan.dead_after_tokens // plan.batch_size),
        feature_sampling_window=max(1, min(1000, plan.n_steps)),
        logger=LoggingConfig(log_to_wandb=False),
        n_batches_for_norm_estimate=100,
    )
    trainer: Any = SAETrainer(config, sae, activations)
    _report_progress(trainer, plan)
    return trainer


def _check(plan: TrainingPlan) -> None:
    if plan.n_steps < 1:
        raise SaeError(f"{plan.n_tokens} training tokens; expected at least one batch of {plan.batch_size}")
    if plan.k > plan.d_sae:
        raise SaeError(f"k is {plan.k}, but the SAE has {plan.d_sae} latents; expected at most that many")
    if plan.architecture != "batchtopk" and not plan.matryoshka_widths:
        raise SaeError("a Matryoshka SAE without widths; expected prefix widths such as 128,512,2048")


def _start_at_mean(trainer: Any, activations: Batches, n_batches: int = 100) -> None:
    """Set `b_dec` to the mean scaled activation.

    Activations of a language model have a large common mean. With `b_dec` at zero the few latents
    that happen to point along it win every top-k at first, and most others fall silent: 82 % of
    4,096 latents within 0.3 million tokens (k = 20).
    """
    trainer.activation_scaler.estimate_scaling_factor(
        d_in=trainer.sae.cfg.d_in, data_provider=activations, n_batches_for_norm_estimate=n_batches
    )
    mean = torch.stack([next(activations).mean(dim=0) for _ in range(n_batches)]).mean(dim=0)
    with torch.no_grad():
        trainer.sae.b_dec.copy_(mean * trainer.activation_scaler.scaling_factor)


def _new_sae(plan: TrainingPlan, d_in: int, device: str) -> Any:
    from sae_lens import (
        BatchTopKTrainingSAE,
        BatchTopKTrainingSAEConfig,
        MatryoshkaBatchTopKTrainingSAE,
        MatryoshkaBatchTopKTrainingSAEConfig,
    )
    from sae_lens.saes.sae import SAEMetadata

    common: dict[str, Any] = {
        "d_in": d_in,
        "d_sae": plan.d_sae,
        "k": plan.k,
        "device": device,
        "normalize_activations": "expected_average_only_in",
        "aux_loss_coefficient": plan.aux_loss_coefficient,
        "metadata": SAEMetadata(
            model_name=plan.model_name, hook_name=plan.hook_name, model_class_name="AutoModelForCausalLM"
        ),
    }
    if plan.architecture == "batchtopk":
        return BatchTopKTrainingSAE(BatchTopKTrainingSAEConfig(**common))
    widths, _ = find_widths({}, plan.matryoshka_widths, plan.d_sae)
    common |= {"matryoshka_widths": list(widths or ()), "use_matryoshka_aux_loss": True}
    if plan.multiplier is not None:
        return _new_balanced_sae(common, plan.multiplier)
    return MatryoshkaBatchTopKTrainingSAE(MatryoshkaBatchTopKTrainingSAEConfig(**common))


def _new_balanced_sae(common: dict[str, Any], multiplier: float) -> Any:
    from app.training.balanced import (
        BalancedMatryoshkaTrainingSAE,
        BalancedMatryoshkaTrainingSAEConfig,
        level_multipliers,
    )

    multipliers = level_multipliers(multiplier, len(common["matryoshka_widths"]))
    return BalancedMatryoshkaTrainingSAE(
        BalancedMatryoshkaTrainingSAEConfig(matryoshka_multipliers=multipliers, **common)
    )


def _report_progress(trainer: Any, plan: Schedule, every: int = 100) -> None:
    """Log a line every `every` steps: explained variance of the batch, L0, dead latents, speed."""
    step: Callable[[torch.Tensor], Any] = trainer.step
    started = time.monotonic()

    def logged_step(batch: torch.Tensor) -> Any:
        output = step(batch)
        if trainer.n_training_steps % every == 0 or trainer.n_training_steps == plan.n_steps - 1:
            metrics = trainer.build_train_step_log_dict(output, trainer.n_training_samples)
            log.info(
                "step %d of %d, %d tokens: explained variance %.4f, L0 %.2f, dead %d, lr %.2e, %.0f tokens/s",
                trainer.n_training_steps,
                plan.n_steps,
                trainer.n_training_samples,
                metrics["metrics/explained_variance"],
                metrics["metrics/l0"],
                metrics["sparsity/dead_features"],
                metrics["details/current_learning_rate"],
                trainer.n_training_samples / (time.monotonic() - started),
            )
        return output

    trainer.step = logged_step


def save(sae: Any, plan: Schedule, folder: Path, *, dtype: str = "float32") -> None:
    """Write an SAE as SAELens' inference format (a BatchTopK SAE is saved as JumpReLU).

    Written to a temporary folder and renamed, so that a folder is whole or not there.

    Args:
        dtype: `float32` or `float16`, of the stored weights.

    Raises:
        SaeError: the folder is there already.
    """
    with whole_folder(folder) as partial:
        sae.to(getattr(torch, dtype))
        sae.cfg.dtype = dtype
        sae.save_inference_model(str(partial))
        (partial / "training.json").write_text(json.dumps(asdict(plan), indent=1) + "\n")

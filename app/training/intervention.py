"""The trainings of an intervention: an SAE as it is, or with latents of its reference added, on the same batches.

What is learned from them is in `app/scores/release.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from app.activations.cache import CachedActivations
from app.arrays import Float32s, Int64s
from app.errors import SaeError, TrainingError
from app.sae.load import LoadedSae
from app.training.schedule import Schedule
from app.training.start import Addition, Start, training_sae
from app.training.train import trainer_of

CHECKED_EVERY = 50
"""Steps between two looks at the loss: each makes a GPU wait."""

MEASURED_SHARE = 0.1
"""Of the steps, the last ones, that explained variance and L0 are measured on."""


@dataclass(frozen=True)
class Arm:
    """One training of an intervention.

    Attributes:
        added: indices of the reference latents it adds; none for a control.
        k: active latents a token.
        seed: of the batch order; arms of one block share it.
    """

    added: tuple[int, ...]
    k: float
    seed: int


@dataclass(frozen=True)
class Outcome:
    """What an arm left behind.

    Attributes:
        decoder: `[n, d_in]` float32 rows of the original latents at unit norm.
        new: `[N, d_in]` those of the added ones.
        explained_variance, l0: over the last steps.
        n_dead: original latents that count as dead at the end; n_new_dead: added ones.
    """

    decoder: Float32s
    new: Float32s
    explained_variance: float
    l0: float
    n_dead: int
    n_new_dead: int


def check_addable(reference: LoadedSae) -> None:
    """Refuse a reference whose latents can't be copied into another SAE.

    Raises:
        SaeError: a latent of it is not one row of weights; the message says why.
    """
    if reference.folded is None:
        architecture = reference.record.architecture
        raise SaeError(
            f"{reference.record.name}: latents of a {architecture} SAE can't be added to another one; expected a "
            "reference of architecture standard, topk or jumprelu"
        )
    if (normalised := reference.module.cfg.normalize_activations) != "none":
        raise SaeError(
            f"{reference.record.name}: it normalises activations ({normalised}), so its latents can't be added to "
            "another SAE; expected the scale folded into its weights"
        )


def addition(reference: LoadedSae, start: Start, indices: Int64s) -> Addition:
    """Reference latents as latents of the start, which read the same pre-activation from the same input."""
    folded = reference.folded
    assert folded is not None
    chosen = torch.from_numpy(indices)
    norms = torch.from_numpy(reference.decoder_norms)[chosen]
    encoder, bias = folded.weight[:, chosen] * norms, folded.bias[chosen] * norms
    module = start.loaded.module
    if module.cfg.apply_b_dec_to_input:
        bias = bias + module.b_dec @ encoder
    return Addition(torch.from_numpy(reference.unit_decoder)[chosen], encoder, bias)


@dataclass(frozen=True)
class Bench:
    """What all arms of an intervention share.

    Attributes:
        start: what they start from; reference: whose latents they add.
        schedule: for how long and how fast.
        activations: what they train on; the order is each arm's own.
        scale: of the activations in training.
        device: a torch device.
    """

    start: Start
    reference: LoadedSae
    schedule: Schedule
    activations: CachedActivations
    scale: float
    device: str = "cpu"


def run_arm(bench: Bench, arm: Arm, advance: Callable[[int], None] = lambda n: None) -> Outcome:
    """Train one arm, from the start and with a fresh optimiser.

    Args:
        advance: called with the tokens of each step; what it raises ends the training.

    Raises:
        TrainingError: the loss or a weight became NaN or infinite, or memory ran out.
    """
    with out_of_memory_explained(bench):
        return _run(bench, arm, advance)


def _run(bench: Bench, arm: Arm, advance: Callable[[int], None]) -> Outcome:
    torch.manual_seed(arm.seed)
    indices = np.array(arm.added, dtype=np.int64)
    added = addition(bench.reference, bench.start, indices) if len(indices) else None
    sae = training_sae(bench.start, scale=bench.scale, added=added, k=arm.k, device=bench.device)
    batches = bench.activations.reordered(arm.seed)
    trainer = trainer_of(sae, bench.schedule, batches, device=bench.device)
    # Given a scale, SAELens estimates none: all arms are trained in the same units.
    trainer.activation_scaler.scaling_factor = bench.scale
    quality = _Quality()
    n_steps = bench.schedule.n_steps
    for step in range(n_steps):
        batch = next(batches)
        output = trainer.step(batch)
        trainer.n_training_steps += 1
        if step >= (1 - MEASURED_SHARE) * n_steps - 1:
            quality.update(output, batch, bench.scale)
        if step % CHECKED_EVERY == 0 or step == n_steps - 1:
            _check_finite(output.loss, step, n_steps)
        advance(len(batch))
    return _outcome(bench.start, sae, trainer, quality)


def _check_finite(loss: torch.Tensor, step: int, n_steps: int) -> None:
    if not torch.isfinite(loss):
        raise TrainingError(
            f"the loss is {float(loss.detach())} at step {step} of {n_steps}: training diverged; give a smaller --lr"
        )


class _Quality:
    """Explained variance and L0 over some steps."""

    def __init__(self) -> None:
        self._error = self._variance = self._l0 = 0.0
        self._n = 0

    def update(self, output: Any, batch: torch.Tensor, scale: float) -> None:
        centred = (batch - batch.mean(dim=0)) * scale
        self._error += float(output.losses["mse_loss"].detach())
        self._variance += float(centred.square().sum(dim=1).mean())
        self._l0 += float((output.feature_acts > 0).sum(dim=1).float().mean())
        self._n += 1

    @property
    def explained_variance(self) -> float:
        return 1 - self._error / self._variance

    @property
    def l0(self) -> float:
        return self._l0 / self._n


def _outcome(start: Start, sae: Any, trainer: Any, quality: _Quality) -> Outcome:
    rows = torch.nn.functional.normalize(sae.W_dec.detach(), dim=1).float().cpu().numpy()
    if not np.isfinite(rows).all():
        raise TrainingError("a decoder row is NaN at the end of training: it diverged; give a smaller --lr")
    n, dead = start.d_sae, trainer.dead_neurons
    return Outcome(
        decoder=rows[:n],
        new=rows[n:],
        explained_variance=quality.explained_variance,
        l0=quality.l0,
        n_dead=int(dead[:n].sum()),
        n_new_dead=int(dead[n:].sum()),
    )


@contextmanager
def out_of_memory_explained(bench: Bench) -> Iterator[None]:
    """Memory that runs out, of a GPU or of this computer, in one line.

    Raises:
        TrainingError: it ran out.
    """
    try:
        yield
    except (MemoryError, torch.OutOfMemoryError, RuntimeError) as error:
        # The processor's allocator raises a plain RuntimeError.
        if type(error) is RuntimeError and "can't allocate memory" not in str(error):
            raise
        raise TrainingError(
            f"memory ran out on {bench.device} while training an SAE of {bench.start.d_sae:,} latents in batches of "
            f"{bench.schedule.batch_size:,}; give a smaller --batch-size, or fewer latents with --add"
        ) from error

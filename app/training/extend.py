"""The control/extended pair behind the hedging degree, made from one trained SAE with SAELens' trainer.

Source: Chanin, Dulka & Garriga-Alonso, *Feature Hedging*, arXiv 2505.11756, the section that defines
the hedging degree: train an SAE, then train it on twice over the same data, as it is and with N new
latents.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from app.activations.cache import CachedActivations
from app.errors import ActivationsError, SaeError
from app.training.files import whole_folder
from app.training.pair import METADATA_KEY, PairRecord, Role
from app.training.schedule import Schedule
from app.training.start import Start, training_sae
from app.training.train import save, trainer_of

N_SCALE_BATCHES = 100
"""Batches that the scale of the activations is estimated from."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class ExtensionPlan(Schedule):
    """How a pair is trained; stored with the weights as `training.json`.

    Attributes:
        n_new: latents that the extended SAE has more.
    """

    n_new: int


@dataclass(frozen=True)
class PairMember:
    """One SAE of a pair.

    Attributes:
        sae: the SAELens training SAE.
        role: which one.
        n_new_dead: new latents that count as dead at the end.
        data_checksum: SHA-256 of the batches it was trained on.
    """

    sae: Any
    role: Role
    n_new_dead: int
    data_checksum: str


@dataclass(frozen=True)
class SaePair:
    """Control and extended SAE."""

    control: PairMember
    extended: PairMember


class _Recorded:
    """Batches as they come, and a checksum of those that were taken."""

    def __init__(self, activations: CachedActivations) -> None:
        self._activations = activations
        self._digest = hashlib.sha256()

    def __iter__(self) -> Iterator[torch.Tensor]:
        return self

    def __next__(self) -> torch.Tensor:
        batch = next(self._activations)
        self._digest.update(batch.contiguous().numpy().data)
        return batch

    @property
    def checksum(self) -> str:
        return self._digest.hexdigest()


def extend(start: Start, plan: ExtensionPlan, activations: CachedActivations, *, device: str = "cpu") -> SaePair:
    """Train an SAE on twice, as it is and with new latents, on the same batches in the same order.

    Optimiser and learning rate start afresh for both. New latents get their first gradient from
    SAELens' auxiliary loss, when they have been silent for `dead_after_tokens`.

    Raises:
        ActivationsError: the activations are of another width than the SAE, or all zero.
        SaeError: the plan is invalid, or no latent fires.
    """
    _check(start, plan, activations)
    scale = activation_scale(activations)
    check_fires(start, activations)
    log.info("the control SAE: %d latents, unchanged", start.d_sae)
    control = _train_on(start, plan, activations, scale=scale, role="control", device=device)
    log.info("the extended SAE: %d latents, %d of them new", start.d_sae + plan.n_new, plan.n_new)
    extended = _train_on(start, plan, activations, scale=scale, role="extended", device=device)
    return SaePair(control, extended)


def _check(start: Start, plan: ExtensionPlan, activations: CachedActivations) -> None:
    if activations.d_in != start.loaded.record.d_in:
        raise ActivationsError(
            f"reads activations of width {start.loaded.record.d_in}, but these have width {activations.d_in}; give "
            "activations of the hook that it was trained on",
            place=start.loaded.record.source,
        )
    if not 1 <= plan.n_new < activations.d_in:
        raise SaeError(
            f"{plan.n_new} new latents: expected 1 to {activations.d_in - 1}; "
            f"as many as d_in ({activations.d_in}) span the whole space, and the degree is undefined"
        )
    if plan.n_steps < 1:
        raise SaeError(
            f"{plan.n_tokens} tokens are less than one batch of {plan.batch_size}; give more, or a smaller batch"
        )


def activation_scale(activations: CachedActivations) -> float:
    """What brings the mean norm of activations to `sqrt(d_in)`, SAELens' "expected_average_only_in"."""
    activations.restart()
    norms = torch.stack([next(activations).norm(dim=1).mean() for _ in range(N_SCALE_BATCHES)])
    if not norms.any():
        raise ActivationsError("all activations are zero; expected those of the hook that the SAE was trained on")
    return float(activations.d_in**0.5 / norms.mean())


def check_fires(start: Start, activations: CachedActivations) -> None:
    """Refuse an SAE that is silent throughout: its latents would get no gradient."""
    activations.restart()
    batches = (next(activations) for _ in range(N_SCALE_BATCHES))
    if not any((start.loaded.module.encode(batch) > 0).any() for batch in batches):
        raise SaeError(
            f"no latent fires on {N_SCALE_BATCHES} batches of the activations; "
            "expected those of the hook that it was trained on",
            place=start.loaded.record.source,
        )


def _train_on(
    start: Start, plan: ExtensionPlan, activations: CachedActivations, *, scale: float, role: Role, device: str
) -> PairMember:
    torch.manual_seed(plan.seed)
    sae = training_sae(start, scale=scale, n_new=plan.n_new if role == "extended" else 0, device=device)
    activations.restart()
    batches = _Recorded(activations)
    trainer = trainer_of(sae, plan, batches, device=device)
    # Given a scale, SAELens estimates none: both SAEs are trained in the same units.
    trainer.activation_scaler.scaling_factor = scale
    trainer.fit()
    n_dead = int(trainer.dead_neurons[start.d_sae :].sum())
    return PairMember(sae, role, n_dead, batches.checksum)


def save_pair(pair: SaePair, start: Start, plan: ExtensionPlan, folder: Path) -> None:
    """Write `control` and `extended` into `folder`, in SAELens' inference format and float32.

    Written to a temporary folder and renamed, so that a pair is whole or not there.

    Raises:
        SaeError: the folder is there already.
    """
    with whole_folder(folder) as partial:
        for trained in (pair.control, pair.extended):
            trained.sae.cfg.metadata[METADATA_KEY] = _record(trained, start, plan).to_metadata()
            save(trained.sae, plan, partial / trained.role)


def _record(trained: PairMember, start: Start, plan: ExtensionPlan) -> PairRecord:
    return PairRecord(
        role=trained.role,
        parent=start.loaded.record.source,
        parent_checksum=start.loaded.record.checksum,
        n_latents=start.d_sae,
        data_checksum=trained.data_checksum,
        **asdict(plan),
    )

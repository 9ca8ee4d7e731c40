"""The paper's hedging degree."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True)
class LatentDegree:
    """What the hedging degree says of one original latent.

    Attributes:
        index: of the latent, in both SAEs.
        raw: length of the projected change over the control's mean decoder norm.
        baseline: the same for random subspaces, mean.
        degree: (raw - baseline) / (1 - baseline).
        reason: why the three are None.
    """

    index: int
    raw: float | None
    baseline: float | None
    degree: float | None
    reason: str | None = None


@dataclass(frozen=True)
class DegreeRecord:
    """The hedging degree of one SAE, measured on a control/extended pair made from it.

    Attributes:
        parent_checksum: SHA-256 of the weights of the SAE that the pair was made from.
        control_checksum, extended_checksum: of the pair's weights.
        data_checksum: of the batches both were trained on.
        n_latents: original latents.
        n_new: new latents, N.
        rank: dimension of the new latents' span; smaller than N where they are dependent.
        n_tokens, batch_size, lr, training_seed: the training of both.
        n_baselines, seed: random subspaces of the baseline.
        mean_change: mean norm of a latent's change, in and out of the span.
        raw: mean norm of the changes projected on that span, over the mean norm of the control's rows.
        baseline_mean, baseline_sd: of `raw` for random subspaces of N dimensions.
        degree: (raw - baseline_mean) / (1 - baseline_mean), as it is: it may be negative.
        reason: why some of them are None.
        command: what repeats the measurement on the pair.
        versions: of program and libraries.
        created_at: when it was measured.
        latents: each original latent.
    """

    parent_checksum: str
    control_checksum: str
    extended_checksum: str
    data_checksum: str
    n_latents: int
    n_new: int
    rank: int
    n_tokens: int
    batch_size: int
    lr: float
    training_seed: int
    n_baselines: int
    seed: int
    mean_change: float
    raw: float | None
    baseline_mean: float | None
    baseline_sd: float | None
    degree: float | None
    reason: str | None
    command: str
    versions: Mapping[str, str]
    created_at: datetime
    latents: tuple[LatentDegree, ...]

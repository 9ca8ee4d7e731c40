"""The randomised intervention: what was added, in which runs, and what latents let go of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

Budget = Literal["grown", "held"]
"""Whether k of an extended SAE grows by the firings per token of its added latents, or stays."""


@dataclass(frozen=True)
class Candidate:
    """A reference latent that is added in half of the runs.

    Attributes:
        index: in the reference SAE.
        mass: predicted mass, summed over the narrow latents that it is a named partner of.
        density: share of the comparison's tokens on which it fires.
        best_cosine: largest decoder cosine with a narrow latent.
    """

    index: int
    mass: float
    density: float
    best_cosine: float


@dataclass(frozen=True)
class InterventionRun:
    """One extended SAE.

    Attributes:
        number: from 0; runs 2b and 2b + 1 add opposite halves and share a control.
        seed: of the order of the batches, shared with its control.
        added: reference latents that it adds, ascending.
        k: active latents a token that it is trained with.
        explained_variance, l0: of the extended SAE over its last steps.
        control_explained_variance, control_l0: of its control.
        n_new_dead: added latents that count as dead at the end.
        degree: the paper's hedging degree of control and extended SAE; None where undefined.
        degree_reason: why it is None.
    """

    number: int
    seed: int
    added: tuple[int, ...]
    k: float
    explained_variance: float
    l0: float
    control_explained_variance: float
    control_l0: float
    n_new_dead: int
    degree: float | None
    degree_reason: str | None


@dataclass(frozen=True)
class FallSummary:
    """How the components of a group of pairs fell, in the runs that added the partner or in those that did not.

    Attributes:
        n: pairs times runs.
        share_falling: of them, whose component fell; None where there are none.
        median: fall; None where there are none.
        motion_cosine: median over latents and runs of the cosine between a latent's motion and the one that the
            predicted masses of these partners say; None where there is none, or for pairs that no mass names.
    """

    n: int
    share_falling: float | None
    median: float | None
    motion_cosine: float | None


@dataclass(frozen=True)
class PairRelease:
    """What a narrow latent let go of along a candidate's direction.

    Attributes:
        narrow_index, reference_index: the two latents.
        named: whether the comparison predicts mass for the pair; else it is among the latent's largest others.
        mass: predicted mass; 0 where not named.
        decoder_cosine: of the two, before any training.
        release: mean fall in the runs that added the candidate, less that in the runs that did not.
        release_se: its standard error over blocks; None for one block.
        release_low, release_high: its 95 % interval by Student's t; None for one block.
        fall_added, fall_not_added: the two means.
        control_fall: mean fall of the control itself, against the start.
    """

    narrow_index: int
    reference_index: int
    named: bool
    mass: float
    decoder_cosine: float
    release: float
    release_se: float | None
    release_low: float | None
    release_high: float | None
    fall_added: float
    fall_not_added: float
    control_fall: float


@dataclass(frozen=True)
class LatentRelease:
    """What a narrow latent let go of in all.

    Attributes:
        index: of the narrow latent.
        mass: predicted mass, summed over the candidates.
        summed: sum over the candidates of 2 |cosine| times release: to first order the share of its squared norm.
        summed_se: standard error over blocks; None for one block.
        moved: 1 - cos² of extended and control row with all candidates added, as the mean product of the turns of
            different runs; may be slightly negative. None where no run added them all.
        control_moved: 1 - cos² of the controls' rows and the start's, mean over blocks.
    """

    index: int
    mass: float
    summed: float
    summed_se: float | None
    moved: float | None
    control_moved: float


@dataclass(frozen=True)
class RankFigure:
    """A rank correlation.

    Attributes:
        n: pairs of numbers.
        rho: Spearman's, in [-1, 1].
        low, high: 95 % interval.
        reason: why the three are None.
    """

    n: int
    rho: float | None
    low: float | None
    high: float | None
    reason: str | None


@dataclass(frozen=True)
class InterventionSettings:
    """How it was done: all that decides its numbers but the SAEs and the comparison.

    Attributes:
        n_runs: extended SAEs that the estimates come from; an even number.
        n_add: candidates that each of them adds.
        budget: whether k grows with the added latents.
        twin: cosine with a narrow latent from which a reference latent is not a candidate.
        n_all: further runs that add all candidates, for `LatentRelease.moved`.
        n_tokens, batch_size, lr, warm_up, decay, dead_after_tokens: of each training, as `Schedule` has them.
        seed: of the splits; the order of the batches of block b is drawn from seed + b.
    """

    n_runs: int
    n_add: int
    budget: Budget
    twin: float
    n_all: int
    n_tokens: int
    batch_size: int
    lr: float
    warm_up: float
    decay: float
    dead_after_tokens: int
    seed: int


@dataclass(frozen=True)
class InterventionSummary:
    """An intervention but for its pairs and latents.

    Attributes:
        content_hash: SHA-256 of all that decides its numbers.
        comparison: slug.
        settings: how it was done.
        activations: file or text trained on.
        activations_checksum: SHA-256 of the activations.
        n_distinct_tokens: that were trained on, each as often as `n_tokens` requires.
        k: active latents a token of the narrow SAE, and of its controls.
        candidates: what was randomised, by index.
        runs: which candidates each run added, and how it went.
        named_added, named_not_added: pairs with predicted mass, in the runs that added their partner and in the others.
        other_added, other_not_added: all other pairs of candidates and alive narrow latents.
        n_named: pairs with predicted mass.
        n_above_zero: of them, whose release lies above 0 by its interval; None for one block.
        n_below_zero: of them, whose release lies below 0 by its interval; None for one block.
        mass_and_release: over the named pairs.
        mass_and_summed: over narrow latents.
        degree: mean over runs of the paper's hedging degree; None where undefined.
        first_degree: of the first run alone; None where undefined.
        other_degree: of the first run trained with the other budget; None where undefined.
        device: that it was trained on.
        seconds: of all trainings.
        peak_bytes: largest memory in use; None where unknown.
        command: what repeats it.
        versions: of program and libraries.
        created_at: when it was stored.
    """

    content_hash: str
    comparison: str
    settings: InterventionSettings
    activations: str
    activations_checksum: str
    n_distinct_tokens: int
    k: float
    candidates: tuple[Candidate, ...]
    runs: tuple[InterventionRun, ...]
    named_added: FallSummary
    named_not_added: FallSummary
    other_added: FallSummary
    other_not_added: FallSummary
    n_named: int
    n_above_zero: int | None
    n_below_zero: int | None
    mass_and_release: RankFigure
    mass_and_summed: RankFigure
    degree: float | None
    first_degree: float | None
    other_degree: float | None
    device: str
    seconds: float
    peak_bytes: int | None
    command: str
    versions: Mapping[str, str]
    created_at: datetime


@dataclass(frozen=True)
class InterventionRecord:
    """All of one intervention, as the store takes it: written whole or not at all."""

    summary: InterventionSummary
    pairs: tuple[PairRelease, ...]
    latents: tuple[LatentRelease, ...]

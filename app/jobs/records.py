"""Jobs, their steps and their plans as plain records."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from app.records.request import JobRequest

JobKind = Literal["comparison", "sae", "intervention"]
JobState = Literal["queued", "running", "done", "failed", "cancelled"]
Phase = Literal["plan", "shards", "finish"]

ACTIVE: tuple[JobState, ...] = ("queued", "running")
RESUMABLE: tuple[JobState, ...] = ("failed", "cancelled")


@dataclass(frozen=True)
class Job:
    """A comparison, a registration or an intervention, from its submission to its end.

    Attributes:
        id: counts up from 1.
        kind: `comparison`, `sae` for the registration of one, or `intervention` on a comparison.
        request: what was submitted.
        state: `queued` until a job runner takes it, `running` until it is `done`, `failed` or `cancelled`. Failed and
            cancelled jobs can be resumed.
        stage: the current stage, or the last one.
        done, total: units of that stage done, and all of them; `total` is None where it is unknown.
        unit: what is counted, such as `tokens`.
        rate: recent units per second; None where nothing has been counted yet.
        seconds_left: of this stage, at that rate.
        workers: number of job runners working on it now. A running job with none waits for one.
        error: why it failed, in one line.
        slug: of the resulting comparison, or of the one that was intervened on; None before, and for the registration
            of an SAE.
        sae: name of the registered SAE; None before, and for other jobs.
        intervention: number of the resulting intervention; None before, and for other jobs.
        created_at: when it was submitted.
        started_at: when a job runner first took it.
        finished_at: when it was done, failed or cancelled.
        version: increases with every change.
    """

    id: int
    kind: JobKind
    request: JobRequest
    state: JobState
    stage: str | None
    done: int
    total: int | None
    unit: str | None
    rate: float | None
    seconds_left: float | None
    workers: int
    error: str | None
    slug: str | None
    sae: str | None
    intervention: int | None
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    version: int

    @property
    def is_active(self) -> bool:
        """Whether it is waiting or running."""
        return self.state in ACTIVE

    @property
    def is_resumable(self) -> bool:
        """Whether it can continue where it stopped."""
        return self.state in RESUMABLE

    @property
    def share(self) -> float | None:
        """How much of its stage is done, in [0, 1]; None where that is unknown."""
        return None if not self.total else min(1.0, self.done / self.total)


@dataclass(frozen=True)
class ShardPlan:
    """A shard: rows `[start, stop)`, `n_tokens` of their tokens scored; `is_done` where it is on disk."""

    start: int
    stop: int
    n_tokens: int
    is_done: bool


@dataclass(frozen=True)
class Plan:
    """A comparison cut into shards.

    Attributes:
        content_hash: of everything that decides the numbers; a job runner that finds another one sees other files.
        stage: name of the shards' stage.
        is_stored: whether the comparison is there already, so that no shard is needed.
    """

    content_hash: str
    stage: str
    shards: tuple[ShardPlan, ...]
    is_stored: bool


@dataclass(frozen=True)
class Claim:
    """A step of a job, held by this job runner.

    Attributes:
        fence: number of the lease; later leases of the same job have higher ones.
        start, stop: rows of a shard; 0 for other steps.
        n_tokens: of a shard.
        content_hash: of the plan; None before there is one.
    """

    job: Job
    number: int
    phase: Phase
    owner: str
    fence: int
    start: int
    stop: int
    n_tokens: int
    content_hash: str | None

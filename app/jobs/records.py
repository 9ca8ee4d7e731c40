"""What a job is, as pages and API show it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from app.records import ComparisonRequest, SaeRequest

JobKind = Literal["comparison", "sae"]
JobState = Literal["queued", "running", "done", "failed", "cancelled"]
Phase = Literal["plan", "shards", "finish"]

ACTIVE: tuple[JobState, ...] = ("queued", "running")
RESUMABLE: tuple[JobState, ...] = ("failed", "cancelled")


@dataclass(frozen=True)
class Job:
    """A comparison or a registration, from asked for to done.

    Attributes:
        id: counts up from 1.
        kind: `comparison`, or `sae` for the registration of one.
        request: what was asked for.
        state: `queued` until a worker takes it, `running` until it is `done`, `failed` or `cancelled`. The last two can
            be resumed.
        stage: what is being done now, or was done last.
        done, total: units of that stage done, and all of them; `total` is None where that is not known.
        unit: what is counted, such as `tokens`.
        rate: units a second, lately; None where nothing was counted yet.
        seconds_left: of this stage, at that rate.
        workers: that are at it now. A running job without one waits for a worker.
        error: why it failed, in one line.
        slug: of the comparison that came out; None before, and for the registration of an SAE.
        sae: name of the SAE that was registered; None before, and for a comparison.
        created_at: when it was asked for.
        started_at: when a worker first took it.
        finished_at: when it was done, failed or cancelled.
        version: goes up with every change.
    """

    id: int
    kind: JobKind
    request: ComparisonRequest | SaeRequest
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
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    version: int

    @property
    def is_active(self) -> bool:
        """Whether it is still to be worked on."""
        return self.state in ACTIVE

    @property
    def is_resumable(self) -> bool:
        """Whether it can go on where it stopped."""
        return self.state in RESUMABLE

    @property
    def share(self) -> float | None:
        """How much of its stage is done, in [0, 1]; None where that is not known."""
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
        content_hash: of all that decides the numbers; workers that find another one don't see the same files.
        stage: name of the shards' stage.
        is_stored: whether the comparison is there already, so that no shard is needed.
    """

    content_hash: str
    stage: str
    shards: tuple[ShardPlan, ...]
    is_stored: bool


@dataclass(frozen=True)
class Claim:
    """A step of a job that this worker holds.

    Attributes:
        fence: number of the lease; a later lease of the same job has a higher one.
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

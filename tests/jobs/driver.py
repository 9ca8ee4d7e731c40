"""Workers in processes of their own that tests can kill."""

from __future__ import annotations

import os
import signal
import threading
from functools import partial
from pathlib import Path

import torch

from app import logs
from app.jobs import leases
from app.jobs.lease_keeper import LeaseKeeper
from app.jobs.records import Claim
from app.pipeline import inputs
from app.pipeline.job_steps import TorchJobSteps, run_jobs
from app.settings import Settings
from app.sparse.shards import plan_shards


def work(
    url: str, folder: Path, lease_s: float = 2.0, slowly_s: float = 0.0, short_tokens: float = leases.SHORT_TOKENS
) -> None:
    """A worker with its data in a folder, its log in a file there, and one row a shard.

    Args:
        slowly_s: seconds that each shard takes longer, for tests that have to meet it at work.
        short_tokens: of a comparison that does not wait for long ones.
    """
    log = os.open(folder / "log", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(log, 1)
    os.dup2(log, 2)
    torch.set_num_threads(1)
    logs.configure(level="info", form="text", service="worker")
    inputs.plan_shards = partial(plan_shards, rows_per_shard=1)  # type: ignore[attr-defined]
    leases.SHORT_TOKENS = int(short_tokens)
    if slowly_s:
        _slow_down(slowly_s)
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    run_jobs(Settings(database_url=url, data_dir=folder, job_lease_s=lease_s), stop)


def _slow_down(seconds: float) -> None:
    shard = TorchJobSteps.shard

    def slowly(self: TorchJobSteps, claim: Claim, keeper: LeaseKeeper) -> None:
        threading.Event().wait(seconds)
        shard(self, claim, keeper)

    TorchJobSteps.shard = slowly  # type: ignore[method-assign]

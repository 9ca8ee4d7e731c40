"""One job each: undisturbed, with its worker killed again and again, and taken over from a dead worker."""

from __future__ import annotations

import itertools
import os
import random
import signal
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, fields, is_dataclass, replace
from pathlib import Path
from typing import Any

from app.jobs.queue import get_job
from app.jobs.records import Job
from app.records import ComparisonRequest
from app.settings import Settings
from app.store.session import make_engine, upgrade
from app.store.write import register_sae
from bench.bundled import load_bundled_saes
from bench.kill_steps import are_counted_once, held, is_in, phase_of, shards_of
from tests.jobs.conftest import REGISTERED, Place
from tests.jobs.kills import kill_at, on_disk
from tests.jobs.steps import steps_of
from tests.pipeline.dump import Dump, dump

LEASE_S = 2.0
"""While workers are killed one after the other; the takeover is measured with the default lease."""
DEFAULT_LEASE_S: float = Settings.model_fields["job_lease_s"].default
SLOWLY_S = 0.3
"""Longer shards, so that one of two workers can be killed while it holds one."""


@dataclass(frozen=True)
class Undisturbed:
    """A run that nothing happened to.

    Attributes:
        slug, numbers: what came out.
        n_shards: of its plan.
        plan_s, shards_s, finish_s: from the worker's start to the first shard, to the last, and from there to the end.
    """

    slug: str
    numbers: Dump
    n_shards: int
    plan_s: float
    shards_s: float
    finish_s: float


@contextmanager
def place_of(urls: Iterator[str], models: Path) -> Iterator[Place]:
    """An empty database with the bundled SAEs, and a data folder with the bundled model."""
    with tempfile.TemporaryDirectory() as name:
        folder, url = Path(name), next(urls)
        upgrade(url)
        place = Place(url, folder, make_engine(url))
        for sae, registered in zip(load_bundled_saes(), ("narrow", "matryoshka"), strict=True):
            register_sae(place.engine, replace(sae.record, name=registered, created_at=REGISTERED))
        (folder / "models").symlink_to(models)
        try:
            yield place
        finally:
            place.close()


def run_undisturbed(place: Place, request: ComparisonRequest) -> Undisturbed:
    """One worker, from start to end."""
    job = place.ask(request)
    started = time.monotonic()
    place.start(lease_s=LEASE_S)
    place.wait(job.id, lambda _: bool(on_disk(place)))
    planned = time.monotonic()
    place.wait(job.id, lambda _: is_in(place, job, "finish"))
    encoded = time.monotonic()
    ended = wait_for_end(place, job)
    slug = ended.slug or ""
    spans = planned - started, encoded - planned, time.monotonic() - encoded
    return Undisturbed(slug, dump(place.engine, slug), len(shards_of(place, job)), *spans)


def run_killed(place: Place, request: ComparisonRequest, calm: Undisturbed, n_kills: int) -> dict[str, Any]:
    """The same job, with its worker killed at random moments; fewer where it ends before the last of them."""
    job = place.ask(request)
    started = time.monotonic()
    kills, written = kill_workers(place, job, moments(n_kills, calm))
    place.start(lease_s=LEASE_S)
    ended = wait_for_end(place, job)
    return {
        "kills": kills,
        "state": ended.state,
        "seconds": time.monotonic() - started,
        "shards": len(shards_of(place, job)),
        "shards_counted_once": are_counted_once(place, job, calm.n_shards),
        "shards_computed_again": sum(path.stat().st_mtime_ns != then for path, then in written.items()),
        "same_slug": ended.slug == calm.slug,
        **compared(dump(place.engine, ended.slug or ""), calm.numbers),
    }


def kill_workers(place: Place, job: Job, at: list[tuple[int, float]]) -> tuple[list[dict[str, Any]], dict[Path, int]]:
    """(what the job was doing at each kill, when each file of shards was written)."""
    kills: list[dict[str, Any]] = []
    written: dict[Path, int] = {}
    for shards, pause_s in at:
        if not kill_at(place, job, shards, pause_s):
            break
        found = get_job(place.engine, job.id)
        kills.append({"phase": phase_of(place, job), "stage": found.stage, "done": found.done, "of": found.total})
        written |= {path: path.stat().st_mtime_ns for path in place.folder.glob("shards/*/*/*.safetensors")}
        print(f"kill {len(kills)}: {kills[-1]}", flush=True)
    return kills, written


def moments(n_kills: int, calm: Undisturbed) -> list[tuple[int, float]]:
    """Random (shards on disk, seconds after that): a seventh in planning, a quarter in scoring, the rest in between."""
    n_plan, n_finish = max(1, n_kills // 7), max(1, n_kills // 4)
    n_between = max(0, n_kills - n_plan - n_finish)
    between = sorted(random.choices(range(1, calm.n_shards), k=n_between))
    return [
        *((0, random.uniform(0, calm.plan_s)) for _ in range(n_plan)),
        *((n, random.uniform(0, calm.shards_s / calm.n_shards)) for n in between),
        # A new worker loads model and SAEs before it scores.
        *((calm.n_shards, random.uniform(0, 0.7 * (calm.plan_s + calm.finish_s))) for _ in range(n_finish)),
    ]


def take_over(place: Place, request: ComparisonRequest, calm: Undisturbed, phase: str) -> dict[str, Any]:
    """Of two workers, kill for good the one that holds a step of a phase; seconds from the end of its lease on."""
    job = place.ask(request)
    workers = [place.start(lease_s=DEFAULT_LEASE_S, slowly_s=SLOWLY_S) for _ in range(2)]
    place.wait(job.id, lambda found: found.workers == 2)
    pids = [worker.pid for worker in workers]
    place.wait(job.id, lambda _: bool(held(place, job, phase, pids)))
    step = held(place, job, phase, pids)[0]
    os.kill(int(step.owner.split(":")[1]), signal.SIGKILL)
    dead = next(each for each in steps_of(place.engine, job.id) if each.number == step.number)
    ended = wait_for_end(place, job)
    after = next(each for each in steps_of(place.engine, job.id) if each.number == step.number)
    assert after.owner != dead.owner, "it had completed the step before it was killed"
    last = max(each.completed for each in steps_of(place.engine, job.id))
    return {
        "killed_in": phase,
        "taken_s": after.claimed - dead.expires,
        "step_done_s": after.completed - dead.expires,
        "job_done_s": last - dead.expires,
        "state": ended.state,
        "shards_counted_once": are_counted_once(place, job, calm.n_shards),
        **compared(dump(place.engine, ended.slug or ""), calm.numbers),
    }


def wait_for_end(place: Place, job: Job) -> Job:
    """The job, done."""
    ended = place.wait(job.id, lambda found: not found.is_active)
    if ended.state != "done":
        raise SystemExit(f"the job ended as {ended.state}: {ended.error}\n{place.log()}")
    return ended


def compared(found: Dump, expected: Dump) -> dict[str, int]:
    """How many stored values there are, and how many differ in any bit."""
    pairs = itertools.zip_longest(leaves(found), leaves(expected), fillvalue="missing")
    same = [one == other for one, other in pairs]
    return {"values": len(same), "values_that_differ": same.count(False)}


def leaves(value: Any) -> Iterator[str]:
    """Every number, word and null in a record, written so that all of its digits are there."""
    if is_dataclass(value):
        for field in fields(value):
            yield from leaves(getattr(value, field.name))
    elif isinstance(value, Mapping):
        for key, each in value.items():
            yield repr(key)
            yield from leaves(each)
    elif isinstance(value, list | tuple):
        for each in value:
            yield from leaves(each)
    else:
        yield repr(value)

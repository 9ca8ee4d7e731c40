"""Workers killed at random moments of a comparison, and how soon another takes over what a dead one held.

    python -m bench.kill --kills 20 --database sqlite|postgresql

The job is the demo's (bundled model and SAEs) on a little text, one row a shard. It runs once undisturbed; then again
while `kill -9` hits its worker so many times, in planning, in shards and in scoring, and a new worker is started each
time; a job that ends before the last of them is followed by another one. Every stored value is compared. Then, a few
times each, one of two workers is killed for good while it holds a shard or the finish. Writes
`bench/results/kill-DATABASE.json` and `.md`.
"""

from __future__ import annotations

import argparse
import itertools
import json
import multiprocessing
import os
import random
import signal
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, fields, is_dataclass, replace
from pathlib import Path
from typing import Any

from app.jobs.leases import held_steps
from app.jobs.queue import get_job
from app.jobs.records import ComparisonRequest, Job
from app.paths import resource
from app.sae.load import load_sae
from app.settings import Settings, load_settings
from app.store.session import make_engine, upgrade
from app.store.write import register_sae
from bench.machine import RESULTS, facts
from tests.jobs.conftest import REGISTERED, Place
from tests.jobs.kills import kill_at, on_disk
from tests.pipeline.dump import Dump, dump
from tests.postgres import PostgresServer

LEASE_S = 2.0
"""While workers are killed one after the other; the takeover is measured with the default lease."""
DEFAULT_LEASE_S: float = Settings.model_fields["job_lease_s"].default
TAKEOVERS = 2
BAR_S = 30
SLOWLY_S = 0.3
"""Longer shards, where one of two workers is to be met while it holds one."""

Urls = Iterator[str]


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
def place_of(urls: Urls, models: Path) -> Iterator[Place]:
    """An empty database with the bundled SAEs, and a data folder with the bundled model."""
    with tempfile.TemporaryDirectory() as name:
        folder, url = Path(name), next(urls)
        upgrade(url)
        place = Place(url, folder, make_engine(url))
        for sae in ("narrow", "matryoshka"):
            record = load_sae(str(resource("demo") / "saes" / sae), name=sae).record
            register_sae(place.engine, replace(record, created_at=REGISTERED))
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
    kills: list[dict[str, Any]] = []
    written: dict[Path, int] = {}
    started = time.monotonic()
    for shards, pause_s in moments(n_kills, calm):
        was_active = kill_at(place, job, shards, pause_s)
        if not was_active:
            break
        found = get_job(place.engine, job.id)
        kills.append({"phase": phase_of(place, job), "stage": found.stage, "done": found.done, "of": found.total})
        written |= {path: path.stat().st_mtime_ns for path in files_of(place)}
        print(f"kill {len(kills)}: {kills[-1]}", flush=True)
    place.start(lease_s=LEASE_S)
    ended = wait_for_end(place, job)
    return {
        "kills": kills,
        "state": ended.state,
        "seconds": time.monotonic() - started,
        "shards": len(shards_of(place, job)),
        "shards_counted_once": are_counted_once(place, job, calm),
        "shards_computed_again": sum(path.stat().st_mtime_ns != then for path, then in written.items()),
        "same_slug": ended.slug == calm.slug,
        **compared(dump(place.engine, ended.slug or ""), calm.numbers),
    }


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
    """Of two workers the one that holds a step of a phase is killed for good; seconds from the lease's end on."""
    job = place.ask(request)
    workers = [place.start(lease_s=DEFAULT_LEASE_S, slowly_s=SLOWLY_S) for _ in range(2)]
    place.wait(job.id, lambda found: found.workers == 2)
    pids = [worker.pid for worker in workers]
    place.wait(job.id, lambda _: bool(held(place, job, phase, pids)))
    step = held(place, job, phase, pids)[0]
    pid = int(step.owner.split(":")[1])
    os.kill(pid, signal.SIGKILL)
    dead = next(each for each in steps_of(place, job) if each.number == step.number)
    ended = wait_for_end(place, job)
    after = next(each for each in steps_of(place, job) if each.number == step.number)
    assert after.owner != dead.owner, "it was killed after its last word"
    last = max(each.completed for each in steps_of(place, job))
    return {
        "killed_in": phase,
        "taken_s": after.claimed - dead.expires,
        "step_done_s": after.completed - dead.expires,
        "job_done_s": last - dead.expires,
        "state": ended.state,
        "shards_counted_once": are_counted_once(place, job, calm),
        **compared(dump(place.engine, ended.slug or ""), calm.numbers),
    }


def steps_of(place: Place, job: Job) -> list[Any]:
    """The job's steps, in order."""
    return list(held_steps(place.engine, job.id))


def shards_of(place: Place, job: Job) -> list[Any]:
    """Those that are shards."""
    return [step for step in steps_of(place, job) if step.phase == "shards"]


def held(place: Place, job: Job, phase: str, pids: list[int | None]) -> list[Any]:
    """Open steps of a phase that one of these processes holds."""
    found = [step for step in steps_of(place, job) if step.phase == phase and step.state == "open" and step.owner]
    return [step for step in found if int(step.owner.split(":")[1]) in pids]


def phase_of(place: Place, job: Job) -> str:
    """What the job is at."""
    return next((step.phase for step in steps_of(place, job) if step.state == "open"), "none")


def is_in(place: Place, job: Job, phase: str) -> bool:
    """Whether the job is at that phase, or past it."""
    return any(step.phase == phase for step in steps_of(place, job))


def are_counted_once(place: Place, job: Job, calm: Undisturbed) -> bool:
    """Whether each row was planned once and completed once, and all shards are on disk."""
    found = shards_of(place, job)
    rows = [row for step in found for row in range(step.start_row, step.stop_row)]
    is_once = len(rows) == len(set(rows)) == calm.n_shards == len(on_disk(place))
    return is_once and all(step.state == "done" for step in found)


def files_of(place: Place) -> list[Path]:
    """All whole files of shards."""
    return list(place.folder.glob("shards/*/*/*.safetensors"))


def wait_for_end(place: Place, job: Job) -> Job:
    """The job, done."""
    ended = place.wait(job.id, lambda found: not found.is_active)
    if ended.state != "done":
        raise SystemExit(f"the job ended as {ended.state}: {ended.error}\n{place.log()}")
    return ended


def compared(found: Dump, expected: Dump) -> dict[str, int]:
    """How many stored values there are, and how many differ in any bit."""
    pairs = itertools.zip_longest(leaves(found), leaves(expected), fillvalue="missing")
    differing = [one == other for one, other in pairs]
    return {"values": len(differing), "values_that_differ": differing.count(False)}


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


def urls_of(database: str, stack: ExitStack) -> Urls:
    """URLs of empty databases."""
    if database == "sqlite":
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        yield from (f"sqlite:///{folder / f'{number}.db'}" for number in itertools.count())
    server = PostgresServer()
    stack.callback(server.close)
    while True:
        yield server.create()


def measure(database: str, n_kills: int, n_tokens: int) -> dict[str, Any]:
    """The whole of one database."""
    models = (load_settings().data_dir / "models").resolve()
    request = ComparisonRequest("narrow", "matryoshka", tokens=n_tokens, name="killed")
    with ExitStack() as stack:
        urls = urls_of(database, stack)
        for _ in ("with cold caches", "timed"):
            with place_of(urls, models) as place:
                calm = run_undisturbed(place, request)
        print(f"undisturbed: {calm.n_shards} shards in {calm.plan_s:.1f} + {calm.shards_s:.1f} + {calm.finish_s:.1f} s")
        killed: list[dict[str, Any]] = []
        while (left := n_kills - sum(len(run["kills"]) for run in killed)) > 0:
            with place_of(urls, models) as place:
                killed.append(run_killed(place, request, calm, left))
        takeovers = []
        for phase in [*["shards"] * TAKEOVERS, *["finish"] * TAKEOVERS]:
            with place_of(urls, models) as place:
                takeovers.append(take_over(place, request, calm, phase))
            print(json.dumps(takeovers[-1]), flush=True)
    seconds = {"plan": calm.plan_s, "shards": calm.shards_s, "finish": calm.finish_s}
    return {"undisturbed": {"seconds": seconds, "shards": calm.n_shards}, "killed": killed, "takeovers": takeovers}


def table(figures: dict[str, Any]) -> str:
    """The figures as Markdown."""
    runs, calm = figures["killed"], figures["undisturbed"]
    phases = [kill["phase"] for run in runs for kill in run["kills"]]
    hit = ", ".join(f"{phases.count(phase)} in {phase}" for phase in ("plan", "shards", "finish"))
    lines = [
        f"{figures['database']}; {figures['machine']}; commit {figures['commit']}, {figures['date']}; "
        f"{figures['tokens']:,} tokens of the demo in {calm['shards']} shards; seed {figures['seed']}.",
        "",
        "| | |",
        "|---|---|",
        f"| kill -9 of the worker while the job was active | {len(phases)} ({hit}) |",
        f"| seconds of the job, undisturbed | {sum(calm['seconds'].values()):.0f} |",
        f"| seconds of the job, with its kills | {listed(runs, 'seconds', '.0f')} |",
        f"| it then is | {listed(runs, 'state')} |",
        f"| shards | {listed(runs, 'shards')} |",
        f"| each of them counted once | {', '.join(yes(run['shards_counted_once']) for run in runs)} |",
        f"| files on disk that were computed again | {listed(runs, 'shards_computed_again')} |",
        f"| stored values compared with the undisturbed job's | {listed(runs, 'values', ',')} |",
        f"| of them different in any bit | {listed(runs, 'values_that_differ')} |",
        "",
        f"One of two workers killed for good, lease {figures['lease_s']:.0f} s; seconds from the end of its lease on "
        f"(bar: {BAR_S}):",
        "",
        "| it held | other takes it | that step done | job done | each shard counted once | values that differ |",
        "|---|---|---|---|---|---|",
    ]
    lines += [
        f"| {'the finish' if one['killed_in'] == 'finish' else 'a shard'} | {one['taken_s']:.1f} | "
        f"{one['step_done_s']:.1f} | {one['job_done_s']:.1f} | {yes(one['shards_counted_once'])} | "
        f"{one['values_that_differ']} of {one['values']:,} |"
        for one in figures["takeovers"]
    ]
    return "\n".join(lines) + "\n"


def listed(runs: list[dict[str, Any]], key: str, form: str = "") -> str:
    """The value of each run."""
    return ", ".join(format(run[key], form) for run in runs)


def yes(value: object) -> str:
    """A word for whether it is so."""
    return "yes" if value else "no"


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--database", choices=("sqlite", "postgresql"), required=True)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--tokens", type=int, default=4_000, help="scored tokens; about 127 a shard")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    random.seed(options.seed)
    multiprocessing.get_context("forkserver").set_forkserver_preload(["tests.jobs.driver"])
    given = {"database": options.database, "tokens": options.tokens, "seed": options.seed, "lease_s": DEFAULT_LEASE_S}
    figures = {**facts(), **given, **measure(options.database, options.kills, options.tokens)}
    path = RESULTS / f"kill-{options.database}"
    RESULTS.mkdir(exist_ok=True)
    path.with_suffix(".json").write_text(json.dumps(figures, indent=1) + "\n")
    path.with_suffix(".md").write_text(table(figures))
    print(table(figures))


if __name__ == "__main__":
    main()

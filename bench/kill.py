"""Workers killed at random moments of a comparison, and how soon another takes over what a dead one held.

    python -m bench.kill --kills 20 --database sqlite|postgresql

The job is the demo's (bundled model and SAEs) on a little text, one row a shard. It runs once undisturbed; then again
while `kill -9` hits its worker so many times, in planning, in shards and in scoring, and a new worker is started each
time; a job that ends before the last of them is followed by another one. Every stored value is compared. Then, a few
times each, one of two workers is killed for good while it holds a shard or the finish. Writes
`bench/results/kill-DATABASE.json` and `.md`.
"""

from __future__ import annotations

import json
import multiprocessing
import random
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from app.records import ComparisonRequest
from bench.bundled import models_folder
from bench.databases import BACKENDS, empty_databases
from bench.kill_runs import DEFAULT_LEASE_S, Undisturbed, place_of, run_killed, run_undisturbed, take_over
from bench.machine import facts
from bench.output import command_line, page, table, write_results

TAKEOVERS = 2
BAR_S = 30


def measure(database: str, n_kills: int, n_tokens: int) -> dict[str, Any]:
    """All runs in one kind of database."""
    request = ComparisonRequest("narrow", "matryoshka", tokens=n_tokens, name="killed")
    models = models_folder()
    with empty_databases(database) as urls:
        for _ in ("with cold caches", "timed"):
            with place_of(urls, models) as place:
                calm = run_undisturbed(place, request)
        print(f"undisturbed: {calm.n_shards} shards in {calm.plan_s:.1f} + {calm.shards_s:.1f} + {calm.finish_s:.1f} s")
        killed: list[dict[str, Any]] = []
        while (left := n_kills - sum(len(run["kills"]) for run in killed)) > 0:
            with place_of(urls, models) as place:
                killed.append(run_killed(place, request, calm, left))
        takeovers = list(take_overs(urls, models, request, calm))
    seconds = {"plan": calm.plan_s, "shards": calm.shards_s, "finish": calm.finish_s}
    return {"undisturbed": {"seconds": seconds, "shards": calm.n_shards}, "killed": killed, "takeovers": takeovers}


def take_overs(
    urls: Iterator[str], models: Path, request: ComparisonRequest, calm: Undisturbed
) -> Iterator[dict[str, Any]]:
    """Both phases, a few times each."""
    for phase in [*["shards"] * TAKEOVERS, *["finish"] * TAKEOVERS]:
        with place_of(urls, models) as place:
            found = take_over(place, request, calm, phase)
        print(json.dumps(found), flush=True)
        yield found


def markdown(figures: dict[str, Any]) -> str:
    """The figures as Markdown."""
    head = ("it held", "other takes it", "that step done", "job done", "each shard counted once", "values that differ")
    return page(
        f"{figures['database']}; {figures['machine']}; commit {figures['commit']}, {figures['date']}; "
        f"{figures['tokens']:,} tokens of the demo in {figures['undisturbed']['shards']} shards; "
        f"seed {figures['seed']}.",
        table(("", ""), kill_rows(figures["killed"], figures["undisturbed"])),
        f"One of two workers killed for good, lease {figures['lease_s']:.0f} s; seconds from the end of its lease on "
        f"(bar: {BAR_S}):",
        table(head, [takeover_row(one) for one in figures["takeovers"]]),
    )


def kill_rows(runs: Sequence[dict[str, Any]], calm: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """The killed runs against the undisturbed one."""
    phases = [kill["phase"] for run in runs for kill in run["kills"]]
    hit = ", ".join(f"{phases.count(phase)} in {phase}" for phase in ("plan", "shards", "finish"))
    yield "kill -9 of the worker while the job was active", f"{len(phases)} ({hit})"
    yield "seconds of the job, undisturbed", f"{sum(calm['seconds'].values()):.0f}"
    yield "seconds of the job, with its kills", listed(runs, "seconds", ".0f")
    yield "it then is", listed(runs, "state")
    yield "shards", listed(runs, "shards")
    yield "each of them counted once", ", ".join(yes(run["shards_counted_once"]) for run in runs)
    yield "files on disk that were computed again", listed(runs, "shards_computed_again")
    yield "stored values compared with the undisturbed job's", listed(runs, "values", ",")
    yield "of them different in any bit", listed(runs, "values_that_differ")


def takeover_row(one: dict[str, Any]) -> tuple[str, ...]:
    """One line of the table of takeovers."""
    held = "the finish" if one["killed_in"] == "finish" else "a shard"
    times = (f"{one[name]:.1f}" for name in ("taken_s", "step_done_s", "job_done_s"))
    differ = f"{one['values_that_differ']} of {one['values']:,}"
    return held, *times, yes(one["shards_counted_once"]), differ


def listed(runs: Sequence[dict[str, Any]], key: str, form: str = "") -> str:
    """The value of each run."""
    return ", ".join(format(run[key], form) for run in runs)


def yes(value: object) -> str:
    """Yes or no."""
    return "yes" if value else "no"


def main() -> None:
    """Measure, print, write."""
    parser = command_line(__doc__)
    parser.add_argument("--database", choices=BACKENDS, required=True)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--tokens", type=int, default=4_000, help="scored tokens; about 127 a shard")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    random.seed(given.seed)
    multiprocessing.get_context("forkserver").set_forkserver_preload(["tests.jobs.driver"])
    settings = {"database": given.database, "tokens": given.tokens, "seed": given.seed, "lease_s": DEFAULT_LEASE_S}
    figures = {**facts(), **settings, **measure(given.database, given.kills, given.tokens)}
    write_results(f"kill-{given.database}", figures, markdown(figures))


if __name__ == "__main__":
    main()

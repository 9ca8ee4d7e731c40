"""Loading, size, a cold page and deletion of a large comparison, on SQLite and PostgreSQL.

    python -m bench.database --latents 1000000 --partners 10 [--only sqlite] [--url postgresql://…]

Without `--url`, PostgreSQL is the tests' own server, with its small memory and without fsync.
The rows are made up: random scores, sorted keys. Each database is measured twice: with its
indexes there from the start, as the program stores comparisons, and loaded without the latents'
sort indexes, which are built at the end. Writes `bench/results/database.json` and `.md`.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from app.records import LatentScores, Partner
from app.store import read
from app.store.page import LatentQuery
from app.store.session import make_engine, upgrade, writing
from app.store.space import compact, size_in_bytes
from app.store.tables import latents
from app.store.write import delete_comparison, write_comparison
from bench.machine import say
from tests.builders import make_bundle
from tests.postgres import PostgresServer

RESULTS = Path(__file__).parent / "results"
COLD_PAGE = """
import sys, time
from app.store.session import make_engine
from app.store.page import LatentQuery, latents_page
engine = make_engine(sys.argv[1])
started = time.perf_counter()
latents_page(engine, sys.argv[2], LatentQuery("narrow", limit=100))
print(time.perf_counter() - started)
"""


def made_up(kind: type[Any], template: Any) -> Any:
    """A function that makes records like `template`, with random floats for its floats."""
    names = [field.name for field in fields(kind)]
    floats = {name for name in names if type(getattr(template, name)) is float}
    rng = random.Random(0)

    def make(**given: Any) -> Any:
        values = {name: rng.random() if name in floats else getattr(template, name) for name in names}
        return kind(**{**values, **given})

    return make


def many_latents(n: int, template: LatentScores) -> Iterator[LatentScores]:
    """`n` latents of the narrow side."""
    make = made_up(LatentScores, template)
    for i in range(n):
        yield make(sae="narrow", index=i, n_firings=i * 7919 % 1_000_003, label=f" token {i % 50_000}")


def many_partners(n: int, n_partners: int, template: Partner) -> Iterator[Partner]:
    """`n_partners` partners for each of `n` latents."""
    make = made_up(Partner, template)
    for i in range(n):
        for rank in range(n_partners):
            yield make(narrow_index=i, index=(i * 31 + rank * 7919) % max(n, n_partners * 7919), rank=rank)


def measure(url: str, n: int, n_partners: int, *, indexes_last: bool) -> dict[str, float]:
    """Seconds, rows a second and MiB of one database."""
    upgrade(url)
    engine = make_engine(url)
    try:
        return _measure(engine, url, n, n_partners, indexes_last=indexes_last)
    finally:
        engine.dispose()


def _measure(engine: sa.Engine, url: str, n: int, n_partners: int, *, indexes_last: bool) -> dict[str, float]:
    small = make_bundle()
    scored = next(x for x in small.latents if x.hedging_score is not None)
    empty = size_in_bytes(engine)
    if indexes_last:
        with writing(engine) as connection:
            for index in latents.indexes:
                index.drop(connection)
    partner = next(iter(small.partners))
    bundle = replace(
        small,
        latents=many_latents(n, scored),
        partners=many_partners(n, n_partners, partner),
        **dict.fromkeys(("details", "pairs", "profiles", "text_rows"), ()),
    )
    started = time.perf_counter()
    write_comparison(engine, bundle)
    loaded = time.perf_counter()
    if indexes_last:
        for index in latents.indexes:
            with writing(engine) as connection:
                index.create(connection)
    indexed = time.perf_counter()
    size = size_in_bytes(engine)
    slug = small.summary.slug
    command = [sys.executable, "-c", COLD_PAGE, url, slug]
    cold = float(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    warm_started = time.perf_counter()
    read.latents_page(engine, slug, LatentQuery("narrow", limit=100))
    warm = time.perf_counter() - warm_started
    deleting = time.perf_counter()
    delete_comparison(engine, slug)
    deleted = time.perf_counter()
    left = size_in_bytes(engine)
    compact(engine)
    return {
        "load_s": loaded - started,
        "rows_per_s": n * (1 + n_partners) / (loaded - started),
        "index_build_s": indexed - loaded,
        "size_mib": (size - empty) / 2**20,
        "cold_page_s": cold,
        "warm_page_s": warm,
        "delete_s": deleted - deleting,
        "left_after_delete_mib": (left - empty) / 2**20,
        "left_after_compact_mib": (size_in_bytes(engine) - empty) / 2**20,
    }


def making_alone(n: int, n_partners: int) -> float:
    """Seconds for making the records, which every load includes."""
    small = make_bundle()
    started = time.perf_counter()
    for _ in many_latents(n, next(x for x in small.latents if x.hedging_score is not None)):
        pass
    for _ in many_partners(n, n_partners, next(iter(small.partners))):
        pass
    return time.perf_counter() - started


def cpu_model() -> str:
    """What /proc/cpuinfo calls the processor."""
    path = Path("/proc/cpuinfo")
    lines = path.read_text().splitlines() if path.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()


def table(figures: dict[str, Any]) -> str:
    """The figures as Markdown."""
    runs = figures["runs"]
    lines = [
        f"{figures['latents']:,} latents, {figures['partners']} partners each; {figures['machine']}; "
        f"commit {figures['commit']}; {', '.join(f'{name} {v}' for name, v in figures['versions'].items())}. "
        f"Making the records takes {figures['making_s']:.1f} s of each load.",
        "",
        f"| | {' | '.join(runs)} |",
        "|---" * (len(runs) + 1) + "|",
    ]
    for key in next(iter(runs.values())):
        values = (run[key] for run in runs.values())
        lines.append(f"| {key} | {' | '.join(f'{v:,.3g}' if v < 100 else f'{v:,.0f}' for v in values)} |")
    return "\n".join(lines) + "\n"


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--latents", type=int, default=1_000_000)
    parser.add_argument("--partners", type=int, default=10)
    parser.add_argument("--only", choices=("sqlite", "postgresql"))
    parser.add_argument("--index-order", choices=("first", "last", "both"), default="both")
    parser.add_argument("--url", help="an empty PostgreSQL database of yours; its comparison is removed afterwards")
    parser.add_argument("--out", type=Path, default=RESULTS / "database")
    options = parser.parse_args()
    orders = {"first": (False,), "last": (True,), "both": (False, True)}[options.index_order]
    runs: dict[str, dict[str, float]] = {}
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        server: PostgresServer | None = None
        for backend in ("sqlite", "postgresql"):
            for last in orders:
                if options.only not in (None, backend):
                    continue
                if backend == "sqlite":
                    url = f"sqlite:///{folder / f'{last}.db'}"
                elif options.url:
                    url = options.url
                else:
                    if server is None:
                        server = PostgresServer()
                        stack.callback(server.close)
                    url = server.create()
                name = f"{backend}, indexes {'last' if last else 'first'}"
                say(name)
                runs[name] = measure(url, options.latents, options.partners, indexes_last=last)
                print(name, json.dumps(runs[name]), flush=True)
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False)
    figures = {
        "latents": options.latents,
        "partners": options.partners,
        "runs": runs,
        "making_s": making_alone(options.latents, options.partners),
        "machine": f"{cpu_model()}, {os.cpu_count()} cores",
        "versions": {"python": platform.python_version(), "sqlalchemy": sa.__version__, "sqlite": sqlite_version()},
        "commit": commit.stdout.strip(),
    }
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.with_suffix(".json").write_text(json.dumps(figures, indent=1) + "\n")
    options.out.with_suffix(".md").write_text(table(figures))
    print(table(figures))


def sqlite_version() -> str:
    """Of the library that Python uses."""
    import sqlite3

    return sqlite3.sqlite_version


if __name__ == "__main__":
    main()

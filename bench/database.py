"""Loading, size, a cold page and deletion of a large comparison, on SQLite and PostgreSQL.

    python -m bench.database --latents 1000000 --partners 10 [--only sqlite] [--url postgresql://…]

Without `--url`, PostgreSQL is the tests' own server, with its small memory and without fsync.
The rows are made up: random scores, sorted keys. Each database is measured twice: with its
indexes there from the start, as the program stores comparisons, and loaded without the latents'
sort indexes, which are built at the end. Writes `bench/results/database.json` and `.md`.
"""

from __future__ import annotations

import json
import platform
import random
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import fields
from itertools import repeat
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from app.records import ComparisonBundle, LatentScores, Partner
from app.store import read
from app.store.page import LatentQuery
from app.store.session import make_engine, upgrade, writing
from app.store.space import compact, size_in_bytes
from app.store.tables import latents
from app.store.write import delete_comparison, write_comparison
from bench.databases import BACKENDS, empty_databases
from bench.machine import facts, say, seconds
from bench.output import RESULTS, command_line, page, table, write_results
from tests.builders import make_bundle

COLD_PAGE = """
import sys, time
from app.store.session import make_engine
from app.store.page import LatentQuery, latents_page
engine = make_engine(sys.argv[1])
started = time.perf_counter()
latents_page(engine, sys.argv[2], LatentQuery("narrow", limit=100))
print(time.perf_counter() - started)
"""
ORDERS = {"first": (False,), "last": (True,), "both": (False, True)}
"""Whether the sort indexes are built last."""


def made_up(kind: type[Any], template: Any) -> Any:
    """A function that makes records as `template` is, with random floats for its floats."""
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


def large_bundle(n: int, n_partners: int) -> ComparisonBundle:
    """A comparison with so many latents and partners, and nothing else; its rows are made as they are read."""
    small = make_bundle()
    scored = next(latent for latent in small.latents if latent.hedging_score is not None)
    partners = many_partners(n, n_partners, next(iter(small.partners)))
    return ComparisonBundle(small.summary, many_latents(n, scored), partners, (), (), (), (), ())


def measure(url: str, n: int, n_partners: int, *, indexes_last: bool) -> dict[str, float]:
    """Seconds, rows a second and MiB of one database."""
    upgrade(url)
    engine = make_engine(url)
    try:
        empty = size_in_bytes(engine)
        loading = load(engine, large_bundle(n, n_partners), n * (1 + n_partners), indexes_last=indexes_last)
        slug = make_bundle().summary.slug
        loaded = {**loading, "size_mib": mib(engine, empty)}
        return {**loaded, **page_times(engine, url, slug), **delete(engine, slug, empty)}
    finally:
        engine.dispose()


def load(engine: sa.Engine, bundle: ComparisonBundle, n_rows: int, *, indexes_last: bool) -> dict[str, float]:
    """Store a comparison; its sort indexes are built last, if so wanted."""
    if indexes_last:
        with writing(engine) as connection:
            for index in latents.indexes:
                index.drop(connection)
    load_s = seconds(lambda: write_comparison(engine, bundle), 1)
    index_s = seconds(lambda: build_indexes(engine), 1) if indexes_last else 0.0
    return {"load_s": load_s, "rows_per_s": n_rows / load_s, "index_build_s": index_s}


def build_indexes(engine: sa.Engine) -> None:
    """The latents' sort indexes."""
    for index in latents.indexes:
        with writing(engine) as connection:
            index.create(connection)


def page_times(engine: sa.Engine, url: str, slug: str) -> dict[str, float]:
    """Seconds of the first page of latents, in a new process and once more here."""
    found = subprocess.run([sys.executable, "-c", COLD_PAGE, url, slug], capture_output=True, text=True, check=True)
    warm = seconds(lambda: read.latents_page(engine, slug, LatentQuery("narrow", limit=100)), 1)
    return {"cold_page_s": float(found.stdout), "warm_page_s": warm}


def delete(engine: sa.Engine, slug: str, empty: int) -> dict[str, float]:
    """Delete the comparison; what of its space is left before and after the database is compacted."""
    delete_s = seconds(lambda: delete_comparison(engine, slug), 1)
    left = mib(engine, empty)
    compact(engine)
    return {"delete_s": delete_s, "left_after_delete_mib": left, "left_after_compact_mib": mib(engine, empty)}


def mib(engine: sa.Engine, empty: int) -> float:
    """The database's size beyond that of an empty one, in MiB."""
    return (size_in_bytes(engine) - empty) / 2**20


def making_alone(n: int, n_partners: int) -> float:
    """Seconds for making the records, which every load includes."""
    bundle = large_bundle(n, n_partners)
    return seconds(lambda: [sum(1 for _ in rows) for rows in (bundle.latents, bundle.partners)], 1)


def markdown(figures: dict[str, Any]) -> str:
    """The figures as Markdown."""
    runs = figures["runs"]
    keys = next(iter(runs.values()))
    return page(
        f"{figures['latents']:,} latents, {figures['partners']} partners each; {figures['machine']}; "
        f"commit {figures['commit']}; {', '.join(f'{name} {v}' for name, v in figures['versions'].items())}. "
        f"Making the records takes {figures['making_s']:.1f} s of each load.",
        table(("", *runs), [(key, *(number(run[key]) for run in runs.values())) for key in keys]),
    )


def number(value: float) -> str:
    """Three digits below 100, whole above."""
    return f"{value:,.3g}" if value < 100 else f"{value:,.0f}"


def main() -> None:
    """Measure, print, write."""
    parser = command_line(__doc__)
    parser.add_argument("--latents", type=int, default=1_000_000)
    parser.add_argument("--partners", type=int, default=10)
    parser.add_argument("--only", choices=BACKENDS)
    parser.add_argument("--index-order", choices=tuple(ORDERS), default="both")
    parser.add_argument("--url", help="an empty PostgreSQL database of yours; its comparison is removed afterwards")
    parser.add_argument("--out", type=Path, default=RESULTS / "database")
    given = parser.parse_args()
    runs: dict[str, dict[str, float]] = {}
    for backend in (given.only,) if given.only else BACKENDS:
        is_given = backend == "postgresql" and given.url
        with nullcontext(repeat(given.url)) if is_given else empty_databases(backend) as urls:
            for last in ORDERS[given.index_order]:
                name = f"{backend}, indexes {'last' if last else 'first'}"
                say(name)
                runs[name] = measure(next(urls), given.latents, given.partners, indexes_last=last)
                print(name, json.dumps(runs[name]), flush=True)
    versions = {"python": platform.python_version(), "sqlalchemy": sa.__version__, "sqlite": sqlite3.sqlite_version}
    figures = {
        "latents": given.latents,
        "partners": given.partners,
        "runs": runs,
        "making_s": making_alone(given.latents, given.partners),
        **facts(),
        "versions": versions,
    }
    write_results(given.out.resolve(), figures, markdown(figures))


if __name__ == "__main__":
    main()

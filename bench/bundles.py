"""A comparison exported and imported into an empty database: `python -m bench.bundles URL SLUG` compares all answers.

Damaged copies of the bundle follow, none of which may import anything. `--postgresql` imports into PostgreSQL too.
"""

from __future__ import annotations

import random
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from sqlalchemy import Engine
from starlette.testclient import TestClient

from app.errors import StoreError
from app.records import SIDES
from app.settings import Settings
from app.store.bundle_file import export_bundle
from app.store.bundle_import import import_bundle
from app.store.interventions import interventions_of
from app.store.read import get_comparison, list_comparisons
from app.store.session import make_engine, upgrade
from app.web.main import create_app
from tests.postgres import PostgresServer

N_DAMAGED = 20
N_PAIRS = 40


def paths(engine: Engine, slug: str) -> Iterator[str]:
    """Addresses of all that the API says about a comparison, and of its pages' twins; of the pairs, some."""
    api, page = f"/api/v1/comparisons/{slug}", f"/c/{slug}"
    summary = get_comparison(engine, slug)
    yield from (api, f"{api}/levels", f"{api}/degree", f"{api}/interventions", f"{page}.json")
    yield from (f"/api/v1/interventions/{number}" for number, _ in interventions_of(engine, slug))
    for side in SIDES:
        yield from (f"{api}/latents.csv?sae={side}", f"{api}/latents.ndjson?sae={side}")
        n_latents = (summary.narrow if side == "narrow" else summary.reference).sae.d_sae
        yield from (f"{api}/{side}/{index}" for index in range(n_latents))
        yield from (f"{page}/{side}/{index}.json" for index in range(0, n_latents, 50))
    yield from (f"{api}/pairs/{i}/{j}" for i in range(N_PAIRS) for j in range(N_PAIRS))
    yield from (f"{api}/search?q=the", f"{page}/intervention.json", f"{page}/levels.json", f"{page}/points.json")


def differing(ours: Engine, theirs: Engine, slug: str) -> tuple[int, list[str]]:
    """(addresses asked, those whose answers differ in status, body or ETag)."""
    clients = [
        TestClient(create_app(Settings(database_url=str(engine.url), rate_limit=0), engine))
        for engine in (ours, theirs)
    ]
    asked, wrong = 0, []
    for path in paths(ours, slug):
        answers = [client.get(path, headers={"accept-encoding": "identity"}) for client in clients]
        first, second = ((each.status_code, each.content, each.headers.get("etag")) for each in answers)
        asked += 1
        if first != second:
            wrong.append(path)
    return asked, wrong


def compare(ours: Engine, url: str, slug: str, bundle: Path) -> int:
    """Import into an empty database and print what differs; returns how many do."""
    upgrade(url)
    theirs = make_engine(url)
    for seed in range(N_DAMAGED):
        content, generator = bytearray(bundle.read_bytes()), random.Random(seed)
        for _ in range(20):
            content[generator.randrange(len(content))] ^= 0xFF
        damaged = bundle.with_name("damaged.zip")
        damaged.write_bytes(content)
        try:
            import_bundle(theirs, damaged)
        except StoreError:
            continue
        raise SystemExit(f"damaged bundle {seed} was imported")
    assert list_comparisons(theirs) == []
    start = time.perf_counter()
    import_bundle(theirs, bundle)
    seconds = time.perf_counter() - start
    asked, wrong = differing(ours, theirs, slug)
    name = theirs.dialect.name
    print(f"{name}: {N_DAMAGED} damaged imported nothing; import {seconds:.1f} s; {asked} answers, {len(wrong)} differ")
    for path in wrong[:10]:
        print(f"  {path}")
    theirs.dispose()
    return len(wrong)


def main(url: str, slug: str, *options: str) -> int:
    """Exit code 1 where an answer differs."""
    ours = make_engine(url)
    with tempfile.TemporaryDirectory() as folder:
        bundle = Path(folder) / "bundle.zip"
        export_bundle(ours, slug, bundle)
        print(f"{bundle.stat().st_size:,} bytes")
        n_wrong = compare(ours, f"sqlite:///{folder}/target.db", slug, bundle)
        if "--postgresql" in options:
            server = PostgresServer()
            server.start()
            with server.database() as target:
                n_wrong += compare(ours, target, slug, bundle)
            server.close()
    return 1 if n_wrong else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))

"""Stores a small database of today's schema for good: `python -m tests.data.make`.

Run it once when the schema has changed, and commit the files. `tests/test_stored_databases.py` upgrades each of them
from then on, as a user's database is.
"""

from __future__ import annotations

import gzip
import sqlite3
import subprocess
import tempfile
from pathlib import Path

import orjson
from sqlalchemy import Engine

from app.jobs.leases import claim_step, complete_finish, fail
from app.jobs.queue import cancel, submit
from app.records import ComparisonRequest, SaeRequest
from app.store.degrees import write_degree
from app.store.interventions import write_intervention
from app.store.session import make_engine, reading, schema_version, upgrade, writing
from app.store.write import register_sae, write_comparison
from tests.builders import make_bundle, make_degree, make_intervention
from tests.data.contents import read_contents
from tests.postgres import PostgresServer

FOLDER = Path(__file__).parent


def make_all() -> None:
    """Write `<revision>.sqlite.gz`, the same as PostgreSQL's dump, and what both hold."""
    with tempfile.TemporaryDirectory() as scratch:
        made = Path(scratch) / "made.sqlite"
        engine = make_engine(f"sqlite:///{made}")
        upgrade(f"sqlite:///{made}")
        fill(engine)
        with reading(engine) as connection:
            revision = schema_version(connection)
        contents = read_contents(engine)
        engine.dispose()
        (FOLDER / f"{revision}.json").write_bytes(orjson.dumps(contents, option=orjson.OPT_APPEND_NEWLINE))
        whole = Path(scratch) / "whole.sqlite"
        with sqlite3.connect(made) as connection:
            connection.execute("VACUUM INTO ?", (str(whole),))
        save(f"{revision}.sqlite.gz", whole.read_bytes())
    server = PostgresServer()
    try:
        save(f"{revision}.sql.gz", postgresql_dump(server))
    finally:
        server.close()


def save(name: str, contents: bytes) -> None:
    """Write a compressed file, the same for the same contents."""
    (FOLDER / name).write_bytes(gzip.compress(contents, mtime=0))


def fill(engine: Engine) -> None:
    """One comparison with its SAEs, a degree and an intervention, and a job in each state that stays."""
    bundle = make_bundle(n_narrow=6, n_reference=12, widths=(4, 12), n_rows=8)
    write_comparison(engine, bundle)
    narrow, reference = bundle.summary.narrow.sae, bundle.summary.reference.sae
    for sae in (narrow, reference):
        register_sae(engine, sae)
    write_degree(engine, make_degree(narrow.checksum, narrow.d_sae))
    write_intervention(engine, make_intervention(bundle.summary))
    submit(engine, SaeRequest("folder", matryoshka_widths=(4, 12)))
    claim = claim_step(engine, "runner:1", 60)
    assert claim is not None
    with writing(engine) as connection:
        complete_finish(connection, claim, reference.name)
    request = ComparisonRequest(narrow.name, reference.name, text="text.jsonl", tokens=1000, name="asked")
    submit(engine, request)
    claim = claim_step(engine, "runner:1", 60)
    assert claim is not None
    fail(engine, claim, "the disk is full; free some space")
    cancel(engine, submit(engine, request).id)
    submit(engine, request)


def postgresql_dump(server: PostgresServer) -> bytes:
    """The same contents in PostgreSQL, as statements."""
    url = server.create()
    upgrade(url)
    engine = make_engine(url)
    fill(engine)
    engine.dispose()
    address = url.replace("+psycopg", "")
    command = [str(server.programs / "pg_dump"), "--inserts", "--no-owner", "--no-privileges", address]
    return subprocess.run(command, check=True, capture_output=True).stdout


if __name__ == "__main__":
    make_all()

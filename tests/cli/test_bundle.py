"""`hedgescope export` and `hedgescope import`."""

from __future__ import annotations

from pathlib import Path

import orjson
import pyarrow.parquet as pq
import pytest

from app.records import ComparisonBundle
from app.store.read import list_comparisons
from app.store.write import write_comparison
from tests.builders import make_bundle
from tests.cli.conftest import Terminal


@pytest.fixture
def stored(terminal: Terminal) -> ComparisonBundle:
    engine = terminal.engine()
    bundle = make_bundle()
    write_comparison(engine, bundle)
    engine.dispose()
    return bundle


def test_there_and_back(terminal: Terminal, stored: ComparisonBundle, tmp_path: Path) -> None:
    out = tmp_path / "c.zip"
    exported = terminal.run("export", "tiny", "--out", str(out))
    assert (exported.code, exported.out.strip()) == (0, str(out))
    assert "already exists; choose another file with --out" in terminal.run("export", "tiny", "--out", str(out)).err
    terminal.set("HEDGESCOPE_DATABASE_URL", f"sqlite:///{tmp_path / 'elsewhere.db'}")
    imported = terminal.run("import", str(out))
    assert (imported.code, imported.out.strip()) == (0, stored.summary.slug), imported.err
    assert "made the tables" in imported.err
    assert "it is stored already" in terminal.run("import", str(out)).err
    out.write_bytes(out.read_bytes()[:-100])
    damaged = terminal.run("import", str(out))
    assert damaged.code == 1
    assert "the bundle is damaged or incomplete, and nothing was imported" in damaged.err


def test_tables_of_latents(terminal: Terminal, stored: ComparisonBundle, tmp_path: Path) -> None:
    n_latents = sum(latent.sae == "reference" for latent in stored.latents)
    for ending in ("csv", "ndjson", "parquet"):
        out = tmp_path / f"t.{ending}"
        result = terminal.run("export", "tiny", "--format", ending, "--sae", "reference", "--out", str(out))
        assert result.code == 0, result.err
    lines = (tmp_path / "t.csv").read_text().splitlines()
    records = [orjson.loads(line) for line in (tmp_path / "t.ndjson").read_bytes().splitlines()]
    table = pq.read_table(tmp_path / "t.parquet").to_pylist()
    assert len(lines) - 1 == len(records) == len(table) == n_latents
    assert [record["density"] for record in records] == [row["density"] for row in table]
    assert {record["sae"] for record in records} == {"reference"}


def test_a_default_name(terminal: Terminal, stored: ComparisonBundle, monkeypatch: pytest.MonkeyPatch) -> None:
    result = terminal.run("export", "tiny")
    assert result.out.strip() == f"{stored.summary.slug}.hedgescope.zip"
    assert Path(result.out.strip()).is_file()
    engine = terminal.engine()
    assert len(list_comparisons(engine)) == 1
    engine.dispose()

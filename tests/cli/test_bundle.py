"""`hedgescope export` and `hedgescope import`."""

from __future__ import annotations

import csv
from pathlib import Path

import orjson
import pyarrow.parquet as pq
import pytest

from app.records import ComparisonBundle
from app.store.interventions import write_intervention
from app.store.read import list_comparisons
from app.store.write import write_comparison
from tests.builders import make_bundle, make_intervention
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


TABLES = ("latents", "partners", "contexts", "pairs", "cells", "releases")


@pytest.fixture
def measured(terminal: Terminal, stored: ComparisonBundle) -> ComparisonBundle:
    """The same with an intervention."""
    engine = terminal.engine()
    write_intervention(engine, make_intervention(stored.summary))
    engine.dispose()
    return stored


@pytest.mark.parametrize("what", TABLES)
def test_a_table_has_the_same_rows_in_every_format(
    terminal: Terminal, measured: ComparisonBundle, tmp_path: Path, what: str
) -> None:
    for ending in ("csv", "ndjson", "parquet"):
        out = tmp_path / f"t.{ending}"
        result = terminal.run("export", "tiny", "--format", ending, "--what", what, "--out", str(out))
        assert (result.code, result.out.strip()) == (0, str(out)), result.err
    with (tmp_path / "t.csv").open(newline="") as file:
        lines = list(csv.DictReader(file))
    records = [orjson.loads(line) for line in (tmp_path / "t.ndjson").read_bytes().splitlines()]
    table = pq.read_table(tmp_path / "t.parquet").to_pylist()
    assert len(lines) == len(records) == len(table) > 0
    for record, row, line in zip(records, table, lines, strict=True):
        assert set(record) == set(row)
        for name, value in record.items():
            assert name == "reasons" or row[name] == value, name
            if isinstance(value, int | float) and not isinstance(value, bool):
                assert float(line[name]) == value
            if value is None:
                assert line[name] == ""


def test_latents_are_those_of_both_saes_with_their_partners(
    terminal: Terminal, stored: ComparisonBundle, tmp_path: Path
) -> None:
    terminal.run("export", "tiny", "--format", "ndjson", "--out", str(tmp_path / "t.ndjson"))
    terminal.run("export", "tiny", "--format", "csv", "--out", str(tmp_path / "t.csv"))
    records = [orjson.loads(line) for line in (tmp_path / "t.ndjson").read_bytes().splitlines()]
    assert [(each["sae"], each["index"]) for each in records] == [(each.sae, each.index) for each in stored.latents]
    partners = {(each.narrow_index, each.index) for each in stored.partners}
    of_narrow = {(each["narrow_index"], each["index"]) for record in records for each in record["partners"]}
    assert of_narrow == partners
    with (tmp_path / "t.csv").open(newline="") as file:
        for record, line in zip(records, csv.DictReader(file), strict=True):
            if record["sae"] == "narrow" and record["main_partner"] is not None:
                main = next(each for each in record["partners"] if each["index"] == record["main_partner"])
                assert float(line["main_partner_decoder_cosine"]) == main["decoder_cosine"]


def test_one_side_and_what_does_not_go_together(terminal: Terminal, measured: ComparisonBundle, tmp_path: Path) -> None:
    out = tmp_path / "c.ndjson"
    terminal.run("export", "tiny", "--format", "ndjson", "--what", "contexts", "--sae", "narrow", "--out", str(out))
    records = [orjson.loads(line) for line in out.read_bytes().splitlines()]
    assert {record["sae"] for record in records} == {"narrow"}
    assert all(len(record["tokens"]) in (0, len(record["activations"])) for record in records)
    assert "a bundle holds all of a comparison" in terminal.run("export", "tiny", "--what", "pairs").err
    wrong = terminal.run("export", "tiny", "--format", "csv", "--what", "pairs", "--sae", "narrow")
    assert (wrong.code, "--sae chooses latents or contexts" in wrong.err) == (1, True)
    assert "can't be written" in terminal.run("export", "tiny", "--format", "csv", "--out", "/nowhere/t.csv").err


def test_a_default_name(terminal: Terminal, stored: ComparisonBundle, monkeypatch: pytest.MonkeyPatch) -> None:
    result = terminal.run("export", "tiny")
    assert result.out.strip() == f"{stored.summary.slug}.hedgescope.zip"
    assert Path(result.out.strip()).is_file()
    engine = terminal.engine()
    assert len(list_comparisons(engine)) == 1
    engine.dispose()

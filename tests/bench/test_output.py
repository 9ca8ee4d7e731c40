"""Tables, pages and files of results."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench import output
from bench.machine import measured_on


def test_a_table_is_markdown() -> None:
    lines = output.table(("stage", "seconds"), [("encode", "1.5"), ("", "2")])
    assert lines == ["| stage | seconds |", "|---|---|", "| encode | 1.5 |", "|  | 2 |"]


def test_a_row_with_other_cells_than_the_head_is_refused() -> None:
    with pytest.raises(ValueError, match="a row of 1 cells in a table of 2 columns"):
        output.table(("stage", "seconds"), [("encode",)])


def test_blocks_are_separated_by_blank_lines() -> None:
    assert output.page("above", ["| a |", "|---|"], "below") == "above\n\n| a |\n|---|\n\nbelow\n"


def test_results_are_read_as_they_were_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(output, "RESULTS", tmp_path / "results")
    assert output.read_results("share-0.25") is None
    output.write_results("share-0.25", {"share": 0.25}, "| share |\n")
    assert output.read_results("share-0.25") == {"share": 0.25}
    assert (tmp_path / "results" / "share-0.25.md").read_text() == "| share |\n"
    assert "| share |" in capsys.readouterr().out
    output.write_results("share-0.25", {"share": 0.5})
    assert output.read_results("share-0.25") == {"share": 0.5}


def test_results_may_lie_elsewhere(tmp_path: Path) -> None:
    output.write_results(tmp_path / "deep" / "mine", [1, 2])
    assert (tmp_path / "deep" / "mine.json").read_text() == "[\n 1,\n 2\n]\n"


def test_help_shows_the_docstring_as_it_is_written(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        output.command_line("What it measures.\n\n    python -m bench.x\n").parse_args(["--help"])
    assert "What it measures.\n\n    python -m bench.x\n" in capsys.readouterr().out


def test_the_facts_are_one_line() -> None:
    facts = {"machine": "a processor, 2 cores", "threads": 2, "commit": "abc1234", "date": "2026-01-01"}
    assert measured_on(facts) == "a processor, 2 cores, 2 threads; commit abc1234, 2026-01-01."

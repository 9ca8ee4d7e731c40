"""The pages of the documentation hold the figures that were measured, and name commands that exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from bench import report, scaling

ROOT = Path(__file__).parents[2]
COMMAND = re.compile(r"python -m (bench\.\w+)")


def test_the_tables_of_performance_are_those_of_the_results() -> None:
    text = report.PAGE.read_text(encoding="utf-8")
    assert report.filled(text) == text, "run python -m bench.report"


def test_the_table_of_costs_is_that_of_the_results() -> None:
    assert scaling.markdown() in scaling.PAGE.read_text(encoding="utf-8"), "run python -m bench.scaling"


def test_a_page_without_the_place_for_a_table_is_refused() -> None:
    with pytest.raises(ValueError, match="0 places <!-- bench:growth -->"):
        report.with_table("no tables here", "growth", "| a |\n")


def test_the_documented_benchmarks_exist() -> None:
    pages = (*(ROOT / "docs").glob("*.md"), *(ROOT / "bench").rglob("*.py"))
    named = {name for page in pages for name in COMMAND.findall(page.read_text(encoding="utf-8"))}
    assert "bench.run" in named
    for name in named:
        path = ROOT / name.replace(".", "/")
        module = path.with_suffix(".py") if path.with_suffix(".py").exists() else path / "__main__.py"
        assert 'if __name__ == "__main__":' in module.read_text(encoding="utf-8"), name

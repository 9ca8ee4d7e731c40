"""The commands of the guide to SAEs, models and texts of one's own run as they stand there."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from tests.cli.conftest import Terminal
from tests.pipeline.reading import make_reading

GUIDE = Path(__file__).parents[2] / "docs" / "bring-your-own.md"
BLOCK = re.compile(r"```sh\n(.*?)```", re.DOTALL)
NEEDS_YOUR_FILES = {"hedgescope sae add PATH --name mine"}


def commands() -> list[str]:
    lines = [line for block in BLOCK.findall(GUIDE.read_text()) for line in block.splitlines() if line]
    return [line for line in lines if line not in NEEDS_YOUR_FILES]


def test_they_run(terminal: Terminal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    reading = make_reading(tmp_path)
    (tmp_path / "model").rename(tmp_path / "my-model")
    (tmp_path / "runs").mkdir()
    reading.narrow("runs/narrow", model=None, hook=None)
    reading.reference("runs/wide", model="my-model")
    (tmp_path / "texts").mkdir()
    rows = [f"{n},{' '.join(f'w{(n + i) % 30}' for i in range(60))}" for n in range(40)]
    (tmp_path / "texts" / "a.csv").write_text("\n".join(["n,body", *rows]))
    (tmp_path / "documents").mkdir()
    (tmp_path / "text.jsonl").rename(tmp_path / "documents" / "b.jsonl")
    assert len(commands()) >= 8
    for line in commands():
        result = terminal.run(*shlex.split(line)[1:])
        assert result.code == 0, f"{line}: {result.err}"

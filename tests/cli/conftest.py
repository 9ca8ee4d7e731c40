"""Runs the command line in this process, against a data folder of its own."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
import sqlalchemy as sa

from app.cli import main
from app.settings import Settings
from app.store.session import make_engine, upgrade
from tests.pipeline.world import World, make_world


@dataclass(frozen=True)
class Result:
    """How a command ended: exit code, what it printed."""

    code: int | str | None
    out: str
    err: str


@dataclass(frozen=True)
class Terminal:
    """Where commands are typed."""

    data_dir: Path
    _monkeypatch: pytest.MonkeyPatch
    _capsys: pytest.CaptureFixture[str]

    def run(self, *arguments: str) -> Result:
        """Run `hedgescope` with these arguments."""
        self._monkeypatch.setattr(sys, "argv", ["hedgescope", *arguments])
        self._capsys.readouterr()
        code: int | str | None = 0
        try:
            main()
        except SystemExit as stop:
            code = stop.code
        out, err = self._capsys.readouterr()
        return Result(code, out, err)

    def set(self, name: str, value: str) -> None:
        """Set an environment variable."""
        self._monkeypatch.setenv(name, value)

    def engine(self) -> sa.Engine:
        """The database that the commands use."""
        url = Settings(data_dir=self.data_dir).resolved_database_url
        upgrade(url)
        return make_engine(url)


@pytest.fixture
def terminal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Terminal:
    """A terminal in an empty folder, with an empty data folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HEDGESCOPE_DATA_DIR", str(tmp_path / "data"))
    return Terminal(tmp_path / "data", monkeypatch, capsys)


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    return make_world(tmp_path_factory.mktemp("world"))

"""Databases that are new or mistyped, installs without the worker's packages, and paths with odd characters."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from app.cli.main import OF_WORKER
from app.store.read import list_saes
from app.store.session import make_engine
from tests.cli.conftest import Terminal
from tests.saved_saes import save_matryoshka, save_sae

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]


def test_a_named_database_is_made_by_the_first_command_that_stores_something(
    terminal: Terminal, tmp_path: Path
) -> None:
    url = f"sqlite:///{tmp_path / 'new' / 'mine.db'}"
    terminal.set("HEDGESCOPE_DATABASE_URL", url)
    sae = str(save_sae(tmp_path / "a", model_name=None))
    first = terminal.run("sae", "add", sae, "--no-sample")
    assert first.code == 0
    assert "made the tables in the database sqlite:///" in first.err
    assert "made the tables" not in terminal.run("sae", "add", sae, "--no-sample").err
    engine = make_engine(url)
    assert [record.name for record in list_saes(engine)] == ["a"]
    engine.dispose()


@pytest.mark.parametrize("command", [("sae", "list"), ("comparison", "list"), ("serve", "--port", "0")])
def test_a_mistyped_database_is_not_made(terminal: Terminal, tmp_path: Path, command: tuple[str, ...]) -> None:
    path = tmp_path / "typo" / "mine.db"
    terminal.set("HEDGESCOPE_DATABASE_URL", f"sqlite:///{path}")
    result = terminal.run(*command)
    assert result.code == 1
    assert "there is no such file; check the path, or make it with `hedgescope db upgrade`" in result.err
    assert not path.exists()


WITHOUT = """
import sys
class Missing:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {names!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)
sys.meta_path.insert(0, Missing())
sys.argv = ["hedgescope", *{arguments!r}]
from app.cli import main
main()
"""


@pytest.mark.parametrize(
    "arguments",
    [
        ["sae", "add", "folder"],
        ["compare", "--narrow", "a", "--reference", "b"],
        ["demo", "--no-serve"],
        ["intervene", "--comparison", "c"],
        ["train", "--out", "x", "--architecture", "matryoshka", "--activations", "y"],
        ["degree", "--control", "a", "--extended", "b"],
        ["validate"],
        ["lab"],
    ],
    ids=lambda arguments: arguments[0],
)
def test_without_the_workers_packages_one_line_names_the_extra(tmp_path: Path, arguments: list[str]) -> None:
    code = WITHOUT.format(names=set(OF_WORKER), arguments=arguments)
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env={"PYTHONPATH": str(ROOT), "PATH": "", "HEDGESCOPE_DATA_DIR": str(tmp_path), "COLUMNS": "300"},
        capture_output=True,
        text=True,
    )
    if done.returncode == 2:
        pytest.fail(done.stderr)
    assert done.returncode == 1
    lines = done.stderr.strip().splitlines()
    assert "which is not installed: it is part of the extra `worker`; run `pip install" in lines[-1]
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("name", ["runs@2026/a", "2026-11-28_10:30:00/a", "with spaces/a", "in:x:side/a"])
def test_paths_with_odd_characters(terminal: Terminal, tmp_path: Path, name: str) -> None:
    narrow = save_sae(tmp_path / name, "jumprelu", model_name=None, hook_name=None)
    result = terminal.run("compare", "--narrow", str(narrow), "--reference", str(tmp_path / "none"))
    assert f"{tmp_path / 'none'}: neither a registered SAE nor a folder" in result.err
    wide = save_matryoshka(tmp_path / f"{name}-wide", model_name=None, hook_name=None)
    prefix = terminal.run("compare", "--narrow", f"{wide}@4", "--reference", str(narrow))
    assert "its files name no model and no hook; give --model and --hook" in prefix.err
    missing = terminal.run("sae", "add", str(tmp_path / name) + "-typo")
    assert f"{tmp_path / name}-typo: no such folder" in missing.err


def test_a_name_with_an_at_that_is_neither_path_nor_prefix(terminal: Terminal) -> None:
    result = terminal.run("compare", "--narrow", "./runs@2026/a", "--reference", "b")
    assert "neither a path that is there nor name@width, with a number after the @" in result.err

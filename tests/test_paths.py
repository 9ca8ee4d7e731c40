from __future__ import annotations

import ast
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from app.errors import HedgescopeError
from app.paths import resource

ROOT = Path(__file__).parents[1]


def test_a_checkout_uses_its_own_folders() -> None:
    assert resource("templates") == ROOT / "templates"


def test_a_wheel_uses_what_it_carries_and_not_a_neighbour(tmp_path: Path) -> None:
    """`site-packages` may well have a `templates` of someone else's."""
    (tmp_path / "app" / "_resources" / "templates").mkdir(parents=True)
    (tmp_path / "templates").mkdir()
    for name in ("__init__.py", "errors.py", "paths.py"):
        shutil.copy(ROOT / "app" / name, tmp_path / "app" / name)
    code = "from app.paths import resource; print(resource('templates'))"
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == str(tmp_path.resolve() / "app" / "_resources" / "templates")


def test_what_is_missing_is_named() -> None:
    with pytest.raises(HedgescopeError, match="'no-such-folder' is missing"):
        resource("no-such-folder")


def test_the_wheel_carries_every_folder_that_the_program_asks_for() -> None:
    wheel = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]["targets"]["wheel"]
    asked = {
        node.args[0].value.partition("/")[0]
        for path in (ROOT / "app").rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id == "resource"
        and isinstance(node.args[0], ast.Constant)
        and isinstance(node.args[0].value, str)
    }
    assert asked
    assert asked <= set(wheel["sources"])
    assert {*wheel["sources"], "app"} == set(wheel["only-include"])

"""Rules of the house that no linter checks; the import contracts themselves are in pyproject.toml."""

from __future__ import annotations

import ast
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
MODULES = sorted((ROOT / "app").rglob("*.py"))
PYPROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())

LONGEST_FUNCTION, NINE_OF_TEN = 60, 25
"""Lines, signature and docstring included: of any function of the program, and of nine in ten of them."""

LONGEST_FILE = 300
FOLDERS = ("app", "bench", "demo", "migrations", "tests")

WITHOUT_TORCH = (
    "app/jobs/",
    "app/serving/",
    "app/store/",
    "app/web/",
    "app/inference/client.py",
    "app/inference/wire.py",
    "app/logs.py",
)
"""What the dashboard is made of, beside the plain modules it stands on."""

TYPES_ONLY = "_typeshed"
"""A module that exists for type checkers only."""

ENVIRONMENT_READERS = {
    "app/settings.py",
    "app/executor/ray.py",  # a variable of Ray's own, and its switch for reports to its makers
    "app/sae/load.py",  # refuses to start under a switch of torch's own that makes loading unsafe
}


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def trees() -> Iterator[tuple[str, ast.Module]]:
    for path in MODULES:
        yield name_of(path), ast.parse(path.read_text(), filename=str(path))


def imported(tree: ast.Module) -> set[str]:
    """Top-level names of the modules imported anywhere in it, the program's own left out."""
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names.update(alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            names.add(node.module.partition(".")[0])
    return names - sys.stdlib_module_names - {"app", TYPES_ONLY}


def declared(requirements: list[str]) -> set[str]:
    return {canonicalize_name(Requirement(text).name) for text in requirements}


def base_dependencies() -> set[str]:
    return declared(PYPROJECT["project"]["dependencies"])


def worker_dependencies() -> set[str]:
    extras = PYPROJECT["project"]["optional-dependencies"]
    return declared(extras["worker"]) | declared(extras["ray"])


def worker_only_modules() -> list[str]:
    """Names one imports that only the worker extra brings, such as `torch` and `sae_lens`."""
    worker = worker_dependencies()
    return [
        module
        for module, distributions in packages_distributions().items()
        if module.isidentifier() and worker & {canonicalize_name(name) for name in distributions}
    ]


def run_python(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def functions() -> list[tuple[int, str]]:
    """(lines, where and name) of all functions of the program, the longest last."""
    return sorted(
        (node.end_lineno - node.lineno + 1, f"{name}:{node.lineno} {node.name}")
        for name, tree in trees()
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.end_lineno is not None
    )


def test_functions_are_short() -> None:
    found = functions()
    assert [(lines, name) for lines, name in found if lines > LONGEST_FUNCTION] == []
    assert found[len(found) * 9 // 10][0] <= NINE_OF_TEN


def test_files_are_short() -> None:
    files = [path for folder in FOLDERS for path in (ROOT / folder).rglob("*.py")]
    assert len(files) > 600
    n_lines = {name_of(path): path.read_text().count("\n") for path in files}
    assert {name: n for name, n in n_lines.items() if n > LONGEST_FILE} == {}


def test_only_the_settings_read_the_environment() -> None:
    readers = {
        name
        for name, tree in trees()
        for node in ast.walk(tree)
        if (isinstance(node, ast.Attribute) and node.attr in {"environ", "getenv"})
        or (isinstance(node, ast.ImportFrom) and any(alias.name in {"environ", "getenv"} for alias in node.names))
    }
    assert readers <= ENVIRONMENT_READERS


def test_every_import_is_a_declared_dependency() -> None:
    """Not something that another dependency happens to bring. Parquet files are there where pyarrow is."""
    brought_by = packages_distributions()
    every = base_dependencies() | worker_dependencies()
    undeclared = set()
    for name, tree in trees():
        wanted = base_dependencies() | {"pyarrow"} if name.startswith(WITHOUT_TORCH) else every
        for module in imported(tree):
            distributions = {canonicalize_name(text) for text in brought_by.get(module, [module])}
            if not distributions & wanted:
                undeclared.add(f"{name} imports {module}")
    assert undeclared == set()


def test_the_contract_against_torch_covers_the_dashboard() -> None:
    contracts = {contract["id"]: contract for contract in PYPROJECT["tool"]["importlinter"]["contracts"]}
    covered = set(contracts["no-torch"]["source_modules"])
    there = {path for path in WITHOUT_TORCH if (ROOT / path).exists()}
    assert {path.removesuffix(".py").strip("/").replace("/", ".") for path in there} == covered
    assert {"torch", "sae_lens", "transformers"} <= set(contracts["no-torch"]["forbidden_modules"])


@pytest.mark.parametrize("module", ["app.web.main", "app.cli"])
def test_it_starts_without_the_worker_extra(module: str) -> None:
    """`None` in `sys.modules` makes an import fail as if the package were not installed."""
    blocked = worker_only_modules()
    assert "torch" in blocked
    code = f"import sys; sys.modules.update(dict.fromkeys({blocked!r})); import {module}; print('started')"
    assert run_python(code) == "started"


def test_every_part_of_the_dashboard_imports_without_the_worker_extra() -> None:
    modules = [
        name.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
        for name in map(name_of, MODULES)
        if name.startswith(WITHOUT_TORCH)
    ]
    code = (
        f"import importlib, sys; sys.modules.update(dict.fromkeys({worker_only_modules()!r})); "
        f"print(len([importlib.import_module(name) for name in {modules!r}]))"
    )
    assert run_python(code) == str(len(modules))


def test_help_needs_no_torch() -> None:
    """Six seconds and half a gigabyte, for each `--help`, tab completion and wrong usage."""
    code = "import sys, app.cli; print([name for name in ('torch', 'sae_lens', 'scipy') if name in sys.modules])"
    assert run_python(code) == "[]"


def test_tests_install_nothing() -> None:
    """Libraries that install packages by themselves would change the environment that is being tested."""
    command = [sys.executable, "-m", "pip", "install", "--dry-run", "--no-deps", "--ignore-installed", "torchvision"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert "Would install" not in done.stdout

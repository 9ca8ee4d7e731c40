"""What the documentation says is there, is there."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import typer.main
from fastapi import FastAPI
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version
from starlette.routing import Match

from app import __version__
from app.cli.main import app as cli
from app.settings import Settings
from app.store.session import upgrade
from app.web.main import create_app
from tests import doc_tables
from tests.page_paths import missed

ROOT = Path(__file__).parents[1]
PAGES = sorted({*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "demo").glob("*.md")})
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]

CODE_BLOCK = re.compile(r"^```sh\n(.*?)^```", re.DOTALL | re.MULTILINE)
LINK = re.compile(r"(?<!\!)\[[^\]]*\]\(([^)\s]+)\)|!\[[^\]]*\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#+ (.*)$", re.MULTILINE)
TABLE_CODE = re.compile(r"^\| `([^`]+)` \|", re.MULTILINE)
MAKE_WORDS = re.compile(r"\bmake( [a-z]+)")

COMMANDS: dict[str, Any] = {}
"""Command path, such as `sae add`, to the command."""


def _collect(command: Any, path: tuple[str, ...]) -> None:
    for name, child in getattr(command, "commands", {}).items():
        _collect(child, (*path, name))
    if not getattr(command, "commands", None):
        COMMANDS[" ".join(path)] = command


_collect(typer.main.get_command(cli), ())


def shell_lines() -> Iterator[tuple[str, str]]:
    """(page, line) of every line of shell in the documentation, continued lines joined."""
    for page in PAGES:
        for block in CODE_BLOCK.findall(page.read_text()):
            for line in block.replace("\\\n", " ").splitlines():
                if line.strip() and not line.startswith("#"):
                    yield page.name, line.strip()


def hedgescope_calls() -> list[tuple[str, list[str]]]:
    """(page, words after `hedgescope`), from shell lines and from code in tables."""
    calls = [
        (page, shlex.split(line.partition("hedgescope ")[2])) for page, line in shell_lines() if "hedgescope " in line
    ]
    cells = TABLE_CODE.findall((ROOT / "docs/interface.md").read_text())
    return calls + [("interface.md", cell.split()[1:]) for cell in cells if cell.startswith("hedgescope ")]


def command_of(words: list[str]) -> str | None:
    """The longest command that the words begin with."""
    paths = (" ".join(words[:n]) for n in (2, 1))
    return next((path for path in paths if path in COMMANDS), None)


@pytest.mark.parametrize("name", doc_tables.PARTS)
def test_parts_from_the_code_are_up_to_date(name: str) -> None:
    _, render = doc_tables.PARTS[name]
    assert doc_tables.written(name) == render(), "run `python -m tests.doc_tables`"


def test_links_lead_somewhere() -> None:
    broken = []
    for page in PAGES:
        for match in LINK.finditer(page.read_text()):
            target = urlsplit(match[1] or match[2])
            if target.scheme:
                continue
            file = page.parent / target.path if target.path else page
            if not file.exists() or (target.fragment and target.fragment not in anchors(file)):
                broken.append(f"{page.name}: {match[0]}")
    assert broken == []


def anchors(page: Path) -> set[str]:
    headings = (re.sub(r"[^\w\- ]", "", heading.lower()) for heading in HEADING.findall(page.read_text()))
    return {heading.strip().replace(" ", "-") for heading in headings}


def test_every_page_of_the_docs_can_be_reached_from_the_readme() -> None:
    to_read, reached = [ROOT / "README.md"], set()
    while to_read:
        page = to_read.pop()
        if page in reached:
            continue
        reached.add(page)
        for match in LINK.finditer(page.read_text()):
            target = (page.parent / urlsplit(match[1] or match[2]).path).resolve()
            to_read += [target] if target.suffix == ".md" else sorted(target.glob("*.md")) if target.is_dir() else []
    assert set((ROOT / "docs").rglob("*.md")) <= reached


def options_of(path: str) -> set[str]:
    return {option for parameter in COMMANDS[path].params for option in (*parameter.opts, *parameter.secondary_opts)}


def test_commands_in_the_docs_exist() -> None:
    unknown = []
    for page, words in hedgescope_calls():
        path = command_of(words)
        if path is None:
            unknown.append(f"{page}: hedgescope {' '.join(words)}")
            continue
        options = (word for word in words if word.startswith("--"))
        unknown += [f"{page}: {path} {option}" for option in options if option not in options_of(path)]
    assert unknown == []


def test_options_named_beside_a_command_exist() -> None:
    """In the table of commands, each row names options of its own command."""
    unknown = []
    for line in (ROOT / "docs/interface.md").read_text().splitlines():
        if line.startswith("| `hedgescope "):
            path = command_of(line.split("`")[1].split()[1:])
            assert path is not None
            unknown += [
                f"{path} {option}" for option in re.findall(r"--[a-z-]+", line) if option not in options_of(path)
            ]
    assert unknown == []


def test_every_command_is_in_the_docs() -> None:
    rows = TABLE_CODE.findall((ROOT / "docs/interface.md").read_text())
    documented = {command_of(row.split()[1:]) for row in rows if row.startswith("hedgescope ")}
    assert documented == set(COMMANDS)


def test_make_targets_in_the_docs_exist() -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = {
        word.strip()
        for page in PAGES
        for code in re.findall(r"`(make [^`]*)`|^(make .*)$", page.read_text(), re.MULTILINE)
        for word in MAKE_WORDS.findall(code[0] or code[1])
    }
    assert named
    assert named <= targets


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> FastAPI:
    settings = Settings(data_dir=tmp_path_factory.mktemp("data"))
    upgrade(settings.resolved_database_url)
    return create_app(settings)


def answers(site: FastAPI, path: str) -> bool:
    scope = {"type": "http", "path": path, "root_path": "", "headers": [], "query_string": b""}
    methods = ("GET", "POST")
    return any(
        route.matches({**scope, "method": method})[0] is Match.FULL for route in site.routes for method in methods
    )


def test_paths_in_the_docs_are_served(site: FastAPI) -> None:
    cells = TABLE_CODE.findall((ROOT / "docs/interface.md").read_text())
    paths = [re.sub(r"\{\w+\}", "1", cell) for cell in cells if cell.startswith("/")]
    paths += [urlsplit(url).path for _, line in shell_lines() for url in re.findall(r"http://[^'\s]+", line)]
    assert len(paths) > 10
    assert not answers(site, "/c/1/no-such-page")
    assert [path for path in paths if not answers(site, path)] == []


def test_every_api_path_is_in_the_docs(site: FastAPI) -> None:
    schema = site.openapi()
    cells = TABLE_CODE.findall((ROOT / "docs/interface.md").read_text())
    documented = {re.sub(r"\{\w+\}", "{}", cell) for cell in cells}
    served = {re.sub(r"\{\w+\}", "{}", path) for path in schema["paths"] if path.startswith("/api/")}
    assert served
    assert served - documented == set()


def test_every_page_is_in_the_docs() -> None:
    cells = TABLE_CODE.findall((ROOT / "docs/interface.md").read_text())
    assert missed(re.sub(r"\{\w+\}", "1", cell) for cell in cells if cell.startswith("/")) == []


def requirements() -> list[Requirement]:
    groups = [PROJECT["dependencies"], *PROJECT["optional-dependencies"].values()]
    return [Requirement(text) for group in groups for text in group]


def pins() -> dict[str, Version]:
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    entries = [line.partition("==") for line in lines if line and not line.startswith("#")]
    return {name: Version(version) for name, _, version in entries}


def test_a_pin_is_a_name_and_a_version_and_nothing_else() -> None:
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    wrong = [line for line in lines if not re.fullmatch(r"#.*|[a-z0-9-]+==[0-9][0-9a-z.]*", line)]
    assert wrong == []
    assert pins()["torch"] == Version("2.13.0")


def test_pins_satisfy_the_declared_dependencies() -> None:
    pinned = pins()
    wrong = [str(r) for r in requirements() if canonicalize_name(r.name) not in pinned]
    wrong += [
        f"{r} but {pinned[name]}"
        for r in requirements()
        if (name := canonicalize_name(r.name)) in pinned and not r.specifier.contains(pinned[name])
    ]
    assert wrong == []


def test_everything_that_is_brought_along_is_pinned() -> None:
    """Else an install next year is not the one that was tested."""
    pinned, seen, to_do = pins(), set(), requirements()
    while to_do:
        requirement = to_do.pop()
        key = (canonicalize_name(requirement.name), frozenset(requirement.extras))
        if key in seen:
            continue
        seen.add(key)
        to_do += brought_by(requirement)
    assert sorted(name for name, _ in seen if name not in pinned) == []


def brought_by(requirement: Requirement) -> list[Requirement]:
    """What an installed package needs here; nothing for one that is not installed."""
    try:
        needs = [Requirement(text) for text in distribution(requirement.name).requires or []]
    except PackageNotFoundError:
        return []
    extras = requirement.extras or {""}
    return [r for r in needs if r.marker is None or any(r.marker.evaluate({"extra": extra}) for extra in extras)]


DECISIONS = ROOT / "docs/decisions"
DECISION_NAMED = re.compile(r"\bdecisions? (\d{4})\b|\bdecisions/(\d{4})-")


def test_every_decision_that_is_named_exists() -> None:
    existing = {path.name[:4] for path in DECISIONS.glob("[0-9]*.md")}
    folders = (ROOT / name for name in ("app", "tests", "bench", "migrations"))
    files = [*PAGES, *(path for folder in folders for path in folder.rglob("*.py"))]
    named = {
        (path.relative_to(ROOT).as_posix(), match[1] or match[2])
        for path in files
        for match in DECISION_NAMED.finditer(path.read_text())
    }
    assert named
    assert sorted((path, number) for path, number in named if number not in existing) == []


def test_the_index_of_decisions_is_complete() -> None:
    index = (DECISIONS / "README.md").read_text()
    rows = re.findall(r"^\| \[(\d{4})\]\((\1-[^)]+\.md)\) \| \S.* \|$", index, re.MULTILINE)
    assert [file for _, file in rows] == sorted(path.name for path in DECISIONS.glob("[0-9]*.md"))


def test_every_package_and_module_of_the_layers_is_described() -> None:
    packages = [ROOT / "app" / package for layer in doc_tables.layers() for package in layer]
    assert len(packages) > 20
    assert [path.name for path in packages if not doc_tables.first_paragraph(path)] == []


def test_the_citation_file_is_valid() -> None:
    file = ROOT / "CITATION.cff"
    schema = ["--builtin-schema", "vendor.citation-file-format"]
    checked = subprocess.run(
        [sys.executable, "-m", "check_jsonschema", *schema, str(file)], capture_output=True, text=True
    )
    assert checked.returncode == 0, checked.stdout
    assert f"\nversion: {__version__}\n" in file.read_text()

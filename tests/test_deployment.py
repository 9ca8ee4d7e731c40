"""The container files, units and proxies fit the program they run."""

from __future__ import annotations

import configparser
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.version import Version
from ruamel.yaml import YAML
from typer.testing import CliRunner

from app.cli.main import app as cli
from app.settings import PREFIX, Settings

ROOT = Path(__file__).parents[1]
PYPROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())
COMPOSE: dict[str, Any] = YAML(typ="safe").load(ROOT / "docker-compose.yml")
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
UNITS = sorted((ROOT / "deploy").glob("*.service"))
VARIABLES = {PREFIX + name.upper() for name in Settings.model_fields}

OURS = [name for name, service in SERVICES.items() if "build" in service]

DOCKERFILE = [
    line
    for line in re.sub(r"\\\n\s*", "", re.sub(r"(?m)^#.*\n", "", (ROOT / "Dockerfile").read_text())).splitlines()
    if line.strip()
]
"""Instructions, continued lines joined."""


def stages() -> dict[str, list[str]]:
    """Instructions of each stage, those of the stages it is made from first."""
    found: dict[str, list[str]] = {}
    current: list[str] = []
    for line in DOCKERFILE:
        start = re.fullmatch(r"FROM (\S+) AS (\S+)", line)
        if start:
            current = found[start[2]] = list(found.get(start[1], []))
        current.append(line)
    return found


def pip_installs(stage: str) -> list[str]:
    return [words for line in stages()[stage] for words in re.findall(r"pip install ([^;&]*)", line)]


def assert_runs(words: list[str]) -> None:
    """The words are a command of the program's, with options that it has."""
    program, *rest = words
    assert Path(program).name == "hedgescope"
    names = [word for word in rest if not word.startswith("-")]
    result = CliRunner().invoke(cli, [*names, "--help"], env={"COLUMNS": "200"}, prog_name="hedgescope")
    assert result.exit_code == 0, result.output
    for option in (word.partition("=")[0] for word in rest if word.startswith("-")):
        assert option in result.output
    assert f"hedgescope {' '.join(names)} " in result.output


def running(command: str) -> list[dict[str, Any]]:
    """Services that run a command of the program."""
    return [service for service in SERVICES.values() if service.get("command") == ["hedgescope", command]]


def seconds(text: str) -> float:
    return float(text.removesuffix("s"))


def test_compose_is_valid() -> None:
    command = [
        sys.executable,
        "-m",
        "check_jsonschema",
        "--builtin-schema",
        "vendor.compose-spec",
        "docker-compose.yml",
    ]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("name", OURS)
def test_services_run_commands_of_the_program(name: str) -> None:
    assert_runs(SERVICES[name]["command"])


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_units_run_commands_of_the_program(unit: Path) -> None:
    parser = configparser.ConfigParser(interpolation=None)
    parser.optionxform = str  # type: ignore[method-assign, assignment]
    parser.read(unit)
    service = parser["Service"]
    for key in ("ExecStartPre", "ExecStart"):
        if key in service:
            assert_runs(service[key].split())
    assert float(service["TimeoutStopSec"]) >= Settings.model_fields["shutdown_timeout_s"].default + 10


def test_images_run_commands_of_the_program() -> None:
    for stage in ("web", "worker"):
        (command,) = (line for line in stages()[stage] if line.startswith("CMD "))
        words = re.findall(r'"([^"]*)"', command)
        assert_runs(words)
        assert words == SERVICES[stage]["command"]


@pytest.mark.parametrize("name", OURS)
def test_services_set_settings_that_exist(name: str) -> None:
    environment = SERVICES[name]["environment"]
    assert {key for key in environment if key.startswith(PREFIX)} <= VARIABLES
    assert "HEDGESCOPE_DATABASE_URL" in environment


def test_images_set_settings_that_exist() -> None:
    named = set(re.findall(r"HEDGESCOPE_\w+(?==)", "\n".join(DOCKERFILE)))
    assert named
    assert named <= VARIABLES


def test_the_example_of_env_has_what_compose_reads() -> None:
    read = set(re.findall(r"\$\{(\w+)", (ROOT / "docker-compose.yml").read_text()))
    lines = (ROOT / "deploy/compose.env.example").read_text().splitlines()
    given = {line.partition("=")[0] for line in lines if line and not line.startswith("#")}
    assert read | {"COMPOSE_PROFILES"} == given


def test_secrets_have_no_default() -> None:
    text = (ROOT / "docker-compose.yml").read_text()
    for name in ("POSTGRES_PASSWORD", "HEDGESCOPE_WORKER_SECRET", "HEDGESCOPE_JOBS_TOKEN"):
        assert set(re.findall(rf"\$\{{{name}(:?.)", text)) == {":?"}


@pytest.mark.parametrize("name", OURS)
def test_services_are_given_time_to_stop(name: str) -> None:
    if name != "migrate":
        timeout = float(SERVICES[name]["environment"]["HEDGESCOPE_SHUTDOWN_TIMEOUT_S"])
        assert seconds(SERVICES[name]["stop_grace_period"]) >= timeout + 10
        assert SERVICES[name]["restart"] == "unless-stopped"


def test_only_the_dashboard_is_published_and_only_to_this_computer() -> None:
    published = {name: service["ports"] for name, service in SERVICES.items() if "ports" in service}
    assert set(published) == {"web"}
    assert all(port.startswith("127.0.0.1:") for port in published["web"])
    assert COMPOSE["networks"]["inner"]["internal"] is True


def test_each_worker_is_found_under_the_name_the_dashboard_uses() -> None:
    url = SERVICES["web"]["environment"]["HEDGESCOPE_WORKER_URL"]
    assert url == f"http://worker:{Settings.model_fields['worker_port'].default}"
    workers = running("worker")
    assert [service["profiles"] for service in workers] == [["cpu"], ["gpu"]]
    assert all(service["networks"]["inner"]["aliases"] == ["worker"] for service in workers)


@pytest.mark.parametrize("profile", ["cpu", "gpu"])
def test_with_each_worker_something_works_on_jobs(profile: str) -> None:
    """`serve --no-worker` starts nothing that does, and its image could not."""
    (worker,) = (service for service in running("worker") if service["profiles"] == [profile])
    (jobs,) = (service for service in running("jobs") if service["profiles"] == [profile])
    same = ("build", "image", "volumes", "environment", "deploy", "depends_on")
    assert {key: jobs.get(key) for key in same} == {key: worker.get(key) for key in same}
    assert ("deploy" in jobs) == (profile == "gpu")
    # The image's asks a port that only the worker for prompts listens on.
    assert jobs["healthcheck"] == {"disable": True}
    assert set(jobs["networks"]) == {"inner", "outer"}


def test_jobs_read_the_input_folder_and_can_not_write_into_it() -> None:
    for service in (*running("worker"), *running("jobs")):
        (bound,) = (volume for volume in service["volumes"] if isinstance(volume, dict))
        assert bound["target"] == service["environment"]["HEDGESCOPE_INPUT_DIR"]
        assert (bound["type"], bound["read_only"]) == ("bind", True)


def test_only_the_dashboard_has_the_key() -> None:
    """It does not start without one: in its container it listens on all addresses."""
    holders = [name for name, service in SERVICES.items() if "HEDGESCOPE_JOBS_TOKEN" in service["environment"]]
    assert holders == ["web"]
    assert SERVICES["web"]["environment"]["HEDGESCOPE_JOBS_TOKEN"] == (
        "${HEDGESCOPE_JOBS_TOKEN:?see deploy/compose.env.example}"
    )


def test_units_are_one_for_each_command() -> None:
    commands = {re.search(r"^ExecStart=\S+ (\w+)", unit.read_text(), re.MULTILINE)[1] for unit in UNITS}  # type: ignore[index]
    assert commands == {"serve", "worker", "jobs"}


@pytest.mark.parametrize("name", OURS)
def test_images_of_compose_are_targets(name: str) -> None:
    assert SERVICES[name]["build"]["target"] in stages()


def test_what_is_installed_is_what_the_extras_say() -> None:
    extras = PYPROJECT["project"]["optional-dependencies"]
    asked = {
        stage: [
            extra
            for line in pip_installs(stage)
            for found in re.findall(r"'\.\[(.*)\]'", line)
            for extra in found.split(",")
        ]
        for stage in ("web-build", "worker-build")
    }
    assert asked == {"web-build": ["postgres"], "worker-build": ["worker", "postgres"]}
    assert {extra for found in asked.values() for extra in found} <= set(extras)
    brought = {Requirement(text).name for text in [*PYPROJECT["project"]["dependencies"], *extras["postgres"]]}
    assert not brought & {"torch", "numpy", "transformers", "sae-lens"}


def test_every_install_is_pinned() -> None:
    installs = [words for stage in ("web-build", "worker-build") for words in pip_installs(stage)]
    assert len(installs) >= 4
    assert all(words.startswith("-c constraints.txt ") for words in installs)


@pytest.mark.parametrize("stage", ["web", "worker"])
def test_images_run_as_nobody_in_particular(stage: str) -> None:
    users = [line.split()[1] for line in stages()[stage] if line.startswith("USER ")]
    assert users[-1] == "10001:10001"
    ports = [int(line.split()[1]) for line in stages()[stage] if line.startswith("EXPOSE ")]
    assert ports == [Settings.model_fields["port" if stage == "web" else "worker_port"].default]


def test_the_python_is_one_that_is_supported() -> None:
    (version,) = re.findall(r"^ARG PYTHON=([\d.]+)", "\n".join(DOCKERFILE), re.MULTILINE)
    assert Version(version) in SpecifierSet(PYPROJECT["project"]["requires-python"])


def test_images_get_all_that_a_wheel_is_made_of_and_nothing_else() -> None:
    copied = {word for line in stages()["source"] if line.startswith("COPY ") for word in line.split()[1:-1]}
    wheel = PYPROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]
    project = PYPROJECT["project"]
    needed = {*wheel["only-include"], "pyproject.toml", "constraints.txt", project["readme"], *project["license-files"]}
    assert copied == needed
    lines = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if not line.startswith("#")]
    assert lines[0] == "*"
    assert {line.removeprefix("!") for line in lines if line.startswith("!")} == needed

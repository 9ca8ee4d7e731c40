"""The services of docker-compose.yml as processes of this computer: own commands and settings, other addresses."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

ROOT = Path(__file__).parents[2]
SERVICES: dict[str, dict[str, Any]] = YAML(typ="safe").load(ROOT / "docker-compose.yml")["services"]
VARIABLE = re.compile(r"\$\{(\w+)(?:(:[-?])([^}]*))?\}")
IMAGE_SETTING = re.compile(r"\b(HEDGESCOPE_\w+)=(\S+)")
PROGRAM = (sys.executable, "-c", "from app.cli import main; main()")
STOP_S = 60


def interpolated(text: str, given: dict[str, str]) -> str:
    """As Compose does it: the variable's value, or what its line says for an empty one."""

    def value(match: re.Match[str]) -> str:
        name, kind, rest = match.groups()
        if not (found := given.get(name, "")) and kind == ":?":
            raise ValueError(f"{name}: {rest}")
        return found or (rest if kind == ":-" else "")

    return VARIABLE.sub(value, text)


@dataclass
class Services:
    """Services that run, each with its output in a file of its own.

    Attributes:
        given: what stands in .env.
        moved: what is called something else outside of the containers, such as a host and port.
        folder: of the files.
    """

    given: dict[str, str]
    moved: dict[str, str]
    folder: Path
    running: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def start(self, name: str, **more: str) -> subprocess.Popen[bytes]:
        """Run the command of a service, with its settings and those of its image."""
        program, *words = SERVICES[name]["command"]
        assert program == "hedgescope"
        with (self.folder / f"{name}.log").open("wb") as log:
            process = subprocess.Popen(
                [*PROGRAM, *words], cwd=ROOT, env={**self.environment(name), **more}, stdout=log, stderr=log
            )
        self.running[name] = process
        return process

    def environment(self, name: str) -> dict[str, str]:
        """That of a service's process; nothing of HEDGESCOPE_… comes from outside."""
        image = dict(IMAGE_SETTING.findall((ROOT / "Dockerfile").read_text()))
        asked = {key: interpolated(value, self.given) for key, value in SERVICES[name]["environment"].items()}
        outside = {key: value for key, value in os.environ.items() if not key.startswith("HEDGESCOPE_")}
        return {**outside, **{key: self._moved(value) for key, value in {**image, **asked}.items()}}

    def stop(self) -> dict[str, int]:
        """End all as Docker does; their exit codes by name."""
        for process in self.running.values():
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
        return {name: process.wait(STOP_S) for name, process in self.running.items()}

    def kill(self) -> None:
        """End whatever still runs."""
        for process in self.running.values():
            process.kill()
            process.wait()

    def logs(self) -> str:
        """All that was said so far."""
        return "\n".join(f"--- {path.name}\n{path.read_text()}" for path in sorted(self.folder.glob("*.log")))

    def _moved(self, value: str) -> str:
        for inside, outside in self.moved.items():
            value = value.replace(inside, outside)
        return value

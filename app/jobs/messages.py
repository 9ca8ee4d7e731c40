"""Errors of jobs as everybody may read them: in one line, without the folders and addresses of the machine."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from app.errors import HedgescopeError, Place
from app.settings import Settings

LONGEST_ERROR = 600
"""Characters of a job's error."""

INPUT = "the input folder (HEDGESCOPE_INPUT_DIR)"
"""A job names what is in it by its path in it, and so do the job's errors."""

LOG = "the log of `hedgescope jobs` has the cause"


def in_one_line(text: str) -> str:
    """A text as pages can show it: on one line and of bearable length."""
    line = " ".join(text.split())
    return line if len(line) <= LONGEST_ERROR else line[: LONGEST_ERROR - 1] + "…"


@dataclass(frozen=True)
class Places:
    """What the folders of a process are for: job errors name that and the setting in place of the folder.

    Attributes:
        roles: (folder or URL, what it is), inner folders before those around them.
    """

    roles: tuple[tuple[str, str], ...] = ()

    @classmethod
    def of(cls, settings: Settings) -> Places:
        """Those of the settings."""
        return cls(tuple(sorted(_roles(settings), key=lambda role: -len(role[0]))))

    def public(self, error: HedgescopeError) -> str:
        """The error in one line; what lies in one of the folders is named by its path in it."""
        where = "" if error.place is None else f"{self._name(error.place)}: "
        return in_one_line(f"{where}{error.detail}{'' if error.reason is None else f'; {LOG}'}")

    def _name(self, place: Place) -> str:
        for folder, role in self.roles:
            if place.private == folder:
                return role
            if place.private.startswith(f"{folder}/"):
                inner = place.private.removeprefix(f"{folder}/")
                return inner if role == INPUT else f"{inner} in {role}"
        return place.public


def _roles(settings: Settings) -> Iterator[tuple[str, str]]:
    data = settings.data_dir.resolve()
    yield str(settings.resolved_input_dir.resolve()), INPUT
    if settings.shards is None:
        yield str(data / "shards"), "the data folder's shards (HEDGESCOPE_DATA_DIR)"
    else:
        yield settings.shards.rstrip("/"), "the folder of shards (HEDGESCOPE_SHARDS)"
    yield str(data / "models"), "the data folder's models (HEDGESCOPE_DATA_DIR)"
    yield str(data), "the data folder (HEDGESCOPE_DATA_DIR)"
    yield str(Path(tempfile.gettempdir()).resolve()), "the folder for temporary files (TMPDIR)"

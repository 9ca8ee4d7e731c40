"""Errors as everybody may read them: on one line, without the folders and addresses of the machine."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from app.settings import Settings

LONGEST_ERROR = 600
"""Characters of a job's error."""

ABSOLUTE_PATH = re.compile(r"(?<![\w/.:])/(?:[^\s/:;,'\"()\]]+/)+(?=[^\s/:;,'\"()\]]|\b|$)")
DATABASE = re.compile(r"\bdatabase [a-z0-9+]+://\S*?(?=[:;,]? |$)")
"""The address of a database, as `app.store.explain` names it."""

INPUT = "the input folder (HEDGESCOPE_INPUT_DIR)"
"""Whoever asks for a job names what is in it by its path in it, and so do errors."""

PATH_CHARACTERS = r"[^\s:;,'\"()\]]"


def in_one_line(error: str) -> str:
    """An error as pages may show it: on one line, of bearable length, folders left out of paths."""
    line = DATABASE.sub("the database (HEDGESCOPE_DATABASE_URL)", " ".join(error.split()))
    line = ABSOLUTE_PATH.sub("", line)
    return line if len(line) <= LONGEST_ERROR else line[: LONGEST_ERROR - 1] + "…"


@dataclass(frozen=True)
class Places:
    """What the folders of a process are for: errors name that, and the setting, where they would name the folder.

    Attributes:
        roles: (folder or URL, what it is), inner folders before those around them.
    """

    roles: tuple[tuple[str, str], ...]

    @classmethod
    def of(cls, settings: Settings) -> Places:
        """Those of the settings."""
        return cls(tuple(sorted(_roles(settings), key=lambda role: -len(role[0]))))

    def in_one_line(self, error: str) -> str:
        """As the function of this name; what lies in one of the folders is named by its path in that."""
        for place, role in self.roles:
            pattern = rf"(?<![\w/.-]){re.escape(place)}(?:/({PATH_CHARACTERS}+)|/?(?![\w/-]|\.\w))"
            error = re.sub(pattern, partial(_named, role), error)
        return in_one_line(error)


def _named(role: str, match: re.Match[str]) -> str:
    inner = match[1]
    if inner is None:
        return role
    return inner if role == INPUT else f"{inner} in {role}"


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

"""Paths in requests for jobs, checked before a job waits for them."""

from __future__ import annotations

from pathlib import Path

from app.errors import QueryError
from app.records.request import JobRequest

FIELDS = ("source", "model", "text", "activations")
"""Fields of requests that name a file or folder, or something on the Hub."""


def check_paths(request: JobRequest, input_dir: Path) -> None:
    """Refuse whole paths that lead out of the input folder, before a job runner does.

    Raises:
        QueryError: names the field, with the path as it was typed.
    """
    for name in FIELDS:
        value = getattr(request, name, None)
        if not isinstance(value, str) or not value.startswith(("/", "~")):
            continue
        if not Path(value).resolve().is_relative_to(input_dir):
            expected = "a path in the input folder (HEDGESCOPE_INPUT_DIR), relative to it, or a name on the Hub"
            raise QueryError(f"{name} is {value!r}; expected {expected}", parameter=name)

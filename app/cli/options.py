"""Options that stand for fields of a request, with the help that the request declares."""

from __future__ import annotations

from typing import Any

import typer

from app.records.request import JobRequest, about


def field_option(record: type[JobRequest], name: str, more: str = "") -> Any:
    """The option of a field.

    Args:
        more: what holds on the command line only, as a sentence.
    """
    metadata = about(record)[name]
    return typer.Option(help=_help(metadata["description"], more), min=metadata.get("ge"))


def field_argument(record: type[JobRequest], name: str) -> Any:
    """The positional argument of a field."""
    return typer.Argument(help=_help(about(record)[name]["description"]))


def _help(description: str, more: str = "") -> str:
    return f"{description} {more}".strip().replace("`", "")

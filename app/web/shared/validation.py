"""The committed results of `hedgescope validate`."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from pydantic import TypeAdapter

from app.catalogue.checks import CHECKS
from app.paths import resource
from app.records import CheckResult

RESULTS = "docs/data/validation"
"""Folder written by `hedgescope validate --out docs/data/validation`, and committed."""


@dataclass(frozen=True)
class ValidationCheck:
    """A check and what it found.

    Attributes:
        title: its name for people.
        text: what is compared with what.
        minutes: that it takes on two cores.
        result: what it found.
    """

    title: str
    text: str
    minutes: int
    result: CheckResult


@cache
def read_checks() -> tuple[ValidationCheck, ...]:
    """All checks, in the order of the catalogue."""
    folder, adapter = resource(RESULTS), TypeAdapter(CheckResult)
    return tuple(
        ValidationCheck(
            check.title, check.text, check.minutes, adapter.validate_json((folder / f"{check.name}.json").read_bytes())
        )
        for check in CHECKS
    )

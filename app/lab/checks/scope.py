"""What a check works with."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from app.activations.language_model import ModelShelf
from app.pipeline.identity import versions
from app.progress import Progress
from app.records import Aim, CheckResult, CheckTable


@dataclass(frozen=True)
class Store:
    """The user's database, data folder and language models."""

    engine: sa.Engine
    data_dir: Path
    models: ModelShelf


@dataclass(frozen=True)
class Scope:
    """What the user requested.

    Attributes:
        folder: for SAEs and activations of this check; removed afterwards.
        progress: opens stages of work.
        open_store: opens the user's store; checks on worlds never call it.
        comparison: a stored comparison, whose SAEs and text the checks on a real model use.
        quick: whether fewer and smaller cases are enough: minutes become seconds, and figures rougher.
        tuning: whether cases for choosing a formula are meant, not those for reporting it.
        workers: processes to run at once, where a check can.
    """

    folder: Path
    progress: Progress
    open_store: Callable[[], Store]
    comparison: str
    quick: bool = False
    tuning: bool = False
    workers: int = 1


@dataclass(frozen=True)
class Findings:
    """What a check returns; `result_of` makes the record that is stored and shown."""

    settings: Mapping[str, str | int | float]
    tables: tuple[CheckTable, ...]
    aims: tuple[Aim, ...] = ()
    notes: tuple[str, ...] = ()
    data: Mapping[str, Any] = field(default_factory=dict)


RunCheck = Callable[[Scope], Findings]
"""A check: raises HedgescopeError where it can't be run."""


def result_of(name: str, command: str, found: Findings) -> CheckResult:
    """The record of a check that ran just now."""
    return CheckResult(
        name=name,
        command=command,
        made=datetime.now(tz=UTC).date().isoformat(),
        settings=found.settings,
        versions=versions(),
        tables=found.tables,
        aims=found.aims,
        notes=found.notes,
        data=found.data,
    )

"""What `/validation` shows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from app.records import Aim
from app.web.pages.contexts.common import Frame
from app.web.shared.figures.plot import DataTable, Plot


@dataclass(frozen=True)
class ShownTable:
    """A table that is not drawn."""

    title: str
    note: str
    table: DataTable


@dataclass(frozen=True)
class ShownAim:
    """An aim of a check: what was to be reached and what was, as text."""

    check: str
    title: str
    aim: Aim
    level: str
    found: str
    bound: str


@dataclass(frozen=True)
class ShownCheck:
    """A check.

    Attributes:
        name, title, text, minutes: as the catalogue has them.
        plots, tables: what it found.
        notes: what to keep in mind.
        command, made, settings, versions: where the figures come from.
    """

    name: str
    title: str
    text: str
    minutes: int
    plots: tuple[Plot, ...]
    tables: tuple[ShownTable, ...]
    notes: tuple[str, ...]
    command: str
    made: str
    settings: Mapping[str, str | int | float]
    versions: Mapping[str, str]


@dataclass(frozen=True)
class ValidationPage:
    """The scores against known truth.

    Attributes:
        missed, met: aims of all checks; those of which a figure is undefined count as missed.
        checks: in the order of the catalogue.
    """

    frame: Frame
    missed: tuple[ShownAim, ...]
    met: tuple[ShownAim, ...]
    checks: tuple[ShownCheck, ...]

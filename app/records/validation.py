"""What one check of `hedgescope validate` found."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Cell = str | int | float | None
"""None is an undefined number."""

Sense = Literal["at least", "at most"]


@dataclass(frozen=True)
class CheckTable:
    """A table; its first column names the rows, such as the scores that are compared.

    Attributes:
        title: what is in it.
        head: titles of the columns.
        rows: cells; a float is shown to three decimals.
        plotted: columns that the page draws, one mark for each row: numbers of one unit.
        note: how to read it, or empty.
    """

    title: str
    head: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    plotted: tuple[str, ...] = ()
    note: str = ""


@dataclass(frozen=True)
class Aim:
    """What a score has to reach, and what it reached.

    Attributes:
        what: the figure in words.
        sense, level: at least or at most this much.
        found: one figure for each seed or group; all of them have to reach it.
        met: whether they do; None where a figure is undefined.
        bound: what an oracle reaches, None where nobody knows or it is the level.
        note: of a missed one, what was tried.
    """

    what: str
    sense: Sense
    level: float
    found: tuple[float | None, ...]
    met: bool | None
    bound: float | None = None
    note: str = ""


def aim(
    what: str,
    sense: Sense,
    level: float,
    *found: float | None,
    bound: float | None = None,
    note: str = "",
) -> Aim:
    """An aim, compared with what was found."""
    known = [figure for figure in found if figure is not None]
    reached = all(figure >= level if sense == "at least" else figure <= level for figure in known)
    met = None if len(known) < max(len(found), 1) and reached else reached
    return Aim(what, sense, level, found, met, bound, note)


@dataclass(frozen=True)
class CheckResult:
    """One check, as a file of `docs/data/validation` holds it.

    Attributes:
        name: of its declaration in the catalogue, and of the file.
        command: what repeats it.
        made: date, ISO 8601.
        settings: sizes and seeds that decide the figures.
        versions: of program and libraries.
        tables, aims: what was found.
        notes: what to keep in mind, one sentence or two each.
        data: what the tables were computed from, where that is kept.
    """

    name: str
    command: str
    made: str
    settings: Mapping[str, str | int | float]
    versions: Mapping[str, str]
    tables: tuple[CheckTable, ...]
    aims: tuple[Aim, ...] = ()
    notes: tuple[str, ...] = ()
    data: Mapping[str, Any] = field(default_factory=dict)

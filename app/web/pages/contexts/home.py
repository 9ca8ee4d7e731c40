"""What `/` shows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from app.web.pages.contexts.common import Frame
from app.web.shared.comparison_numbers import ComparisonRow
from app.web.shared.figures.plot import Plot


@dataclass(frozen=True)
class SortLink:
    """Where a head of the table leads, and how the table is sorted by it now."""

    url: str
    direction: Literal["ascending", "descending"] | None


@dataclass(frozen=True)
class HomePage:
    """All comparisons.

    Attributes:
        rows: those that the search finds, in the order of the address.
        n_stored: all that there are.
        q: the search; empty without one.
        sort: the order, as in the address.
        x, y: numbers on the axes.
        numbers: name -> title of those that axes can show.
        selected: slugs of the comparisons that are plotted; empty for all.
        figure: of them; None for fewer than two.
        heads: column -> its link.
    """

    frame: Frame
    rows: tuple[ComparisonRow, ...]
    n_stored: int
    q: str
    sort: str
    x: str
    y: str
    numbers: Mapping[str, str]
    selected: tuple[str, ...]
    figure: Plot | None
    heads: Mapping[str, SortLink]

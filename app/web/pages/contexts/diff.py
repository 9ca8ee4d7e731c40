"""What `/diff` and `/diff/{a}/{b}` show."""

from __future__ import annotations

from dataclasses import dataclass

from app.records import ComparisonSummary
from app.web.pages.contexts.common import FilterChip, Frame
from app.web.shared.diff import LatentDifference, MatchedBy
from app.web.shared.figures.plot import Plot


@dataclass(frozen=True)
class DiffNewPage:
    """The form that chooses two comparisons, newest first; `a` is the slug of the first, empty for none yet."""

    frame: Frame
    comparisons: tuple[ComparisonSummary, ...]
    a: str


@dataclass(frozen=True)
class DiffFact:
    """A fact of two comparisons in words."""

    title: str
    a: str
    b: str


@dataclass(frozen=True)
class CrossingCell:
    """Latents with one label in the first comparison and one in the second; `url` lists them."""

    n: int
    url: str
    is_same: bool


@dataclass(frozen=True)
class CrossingRow:
    """A label of the first comparison, with one cell for each label of the second."""

    label: str
    cells: tuple[CrossingCell, ...]


@dataclass(frozen=True)
class DiffOrder:
    """An order of the table."""

    title: str
    url: str
    is_current: bool


@dataclass(frozen=True)
class DiffCounts:
    """How many latents the two have in common, and how far their scores differ.

    Attributes:
        mean_difference, mean_absolute_difference: of the scores, b less a; None where none is scored in both.
    """

    n_latents: int
    n_only_a: int
    n_only_b: int
    n_scored_in_both: int
    n_same_label: int
    mean_difference: float | None
    mean_absolute_difference: float | None


@dataclass(frozen=True)
class DiffPage:
    """Two comparisons, latent by latent.

    Attributes:
        a, b: the two.
        differing: facts that differ; `same`: those that don't.
        columns: labels of the second comparison, as heads of `crossings`.
        chips: filters in force.
        rows: the first latents of the order; `n_listed` pass the filters in all.
        more_url: with more rows; None where all are shown.
        swapped_url: the two the other way round.
    """

    frame: Frame
    a: ComparisonSummary
    b: ComparisonSummary
    matched_by: MatchedBy
    counts: DiffCounts
    differing: tuple[DiffFact, ...]
    same: tuple[DiffFact, ...]
    figure: Plot
    columns: tuple[str, ...]
    crossings: tuple[CrossingRow, ...]
    chips: tuple[FilterChip, ...]
    orders: tuple[DiffOrder, ...]
    rows: tuple[LatentDifference, ...]
    n_listed: int
    more_url: str | None
    swapped_url: str

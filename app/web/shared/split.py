"""Firings of one latent by which of its partners fire: how many, and where in the text."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, get_args

from sqlalchemy import Engine

from app.errors import QueryError
from app.records import CellContext, FiringCells, LatentScores
from app.store import read
from app.store.firing_cells import get_cells
from app.web.shared.latents import Latents, latents_by_index

Cell = Literal["both", "without_main", "mixed_in_without_main", "partner_without_this"]

CELLS: tuple[Cell, ...] = get_args(Cell)

NOT_KEPT = (
    "This comparison was scored before contexts by cell were kept. Score it again under another name to get them."
)
NO_PARTNER = "This latent has no main partner, so its firings are not split by partner."
NO_PAIR = "Cells are kept for a narrow latent's main partner and its three largest mixed-in ones; this latent is none."

MOST_TRIED = 5
"""Narrow latents whose partners are looked through for a reference latent."""

Activations = tuple[float, ...]


@dataclass(frozen=True)
class SplitContext:
    """A stretch of text around a token, as one of the two SAEs' latents sees it.

    Attributes:
        row, position, start: in the text, as in `CellContext`.
        activations: of the latent, on each token; others: of each partner, empty where it is silent.
    """

    row: int
    position: int
    start: int
    activations: Activations
    others: tuple[Activations, ...]


@dataclass(frozen=True)
class Split:
    """A latent with the partners that its firings are split by.

    Attributes:
        latent: of either SAE.
        partners: latents of the other SAE, the main one first: of a narrow latent its kept partners, of a reference
            latent one narrow latent.
        others: these latents.
        cells: of the narrow latent of the pair.
        slot: of a reference latent, its place among the narrow latent's partners.
    """

    latent: LatentScores
    partners: tuple[int, ...]
    others: Latents
    cells: FiringCells
    slot: int | None = None

    @property
    def available(self) -> tuple[Cell, ...]:
        """The cells that there are."""
        if not self.partners:
            return ()
        return CELLS if len(self.partners) > 1 else tuple(cell for cell in CELLS if cell != "mixed_in_without_main")

    def check(self, cell: Cell, partner: int | None) -> int | None:
        """The partner that a cell is about; None for any mixed-in one. Raises QueryError for one that isn't kept."""
        if cell not in self.available:
            raise QueryError(f"cell is {cell!r}; this latent has {_listed(self.available)}", parameter="cell")
        choices = self.partners[1:] if cell == "mixed_in_without_main" else self.partners
        if partner is None:
            return None if cell == "mixed_in_without_main" else self.partners[0]
        if partner not in choices:
            valid = tuple(map(str, choices))
            raise QueryError(f"partner is {partner}; expected {_listed(valid)}", parameter="partner", valid=valid)
        return partner

    def count(self, cell: Cell, partner: int | None) -> int:
        """Tokens in a cell; `partner` as `check` gives it."""
        if cell == "mixed_in_without_main":
            return sum(n for code, n in enumerate(self.cells.counts) if self._is_mixed_in_alone(code, partner))
        together = sum(n for code, n in enumerate(self.cells.counts) if code >> self._place(partner) & 1)
        if cell == "both":
            return together
        fires = self.latent if cell == "without_main" else self.others[self._latent_of(partner)]
        return fires.n_firings - together

    def contexts(self, cell: Cell, partner: int | None) -> tuple[SplitContext, ...]:
        """Where it is strongest, strongest first."""
        if cell == "mixed_in_without_main":
            found = [each for each in self.cells.contexts if self._is_mixed_in_alone(each.cell, partner)]
        elif cell == "both":
            found = [each for each in self.cells.contexts if each.cell >> self._place(partner) & 1]
        elif (cell == "without_main") == (self.slot is None):
            found = [each for each in self.cells.contexts if not each.cell >> self._place(partner) & 1]
        else:
            found = list(self.cells.near_misses[self._place(partner)])
        by_partner = cell == "partner_without_this"
        shown = [self._seen(each) for each in found]
        return tuple(sorted(shown, key=lambda each: -self._strength(each, partner if by_partner else None)))

    @cached_property
    def _mixed_in(self) -> int:
        """All cells' bits but the main partner's."""
        return (1 << len(self.cells.partners)) - 2

    def _is_mixed_in_alone(self, code: int, partner: int | None) -> bool:
        wanted = self._mixed_in if partner is None else 1 << self._place(partner)
        return bool(code & wanted) and not code & 1

    def _place(self, partner: int | None) -> int:
        if self.slot is not None:
            return self.slot
        return self.partners.index(self._latent_of(partner))

    def _latent_of(self, partner: int | None) -> int:
        return self.partners[0] if partner is None else partner

    def _seen(self, context: CellContext) -> SplitContext:
        place = context.row, context.position, context.start
        if self.slot is None:
            return SplitContext(*place, context.activations, context.partners)
        own = context.partners[self.slot] or (0.0,) * len(context.activations)
        return SplitContext(*place, own, (context.activations,))

    def _strength(self, context: SplitContext, partner: int | None) -> float:
        at = context.position - context.start
        if partner is None:
            return context.activations[at]
        values = context.others[self.partners.index(partner)]
        return values[at] if values else 0.0


def find_split(engine: Engine, slug: str, latent: LatentScores) -> Split | str:
    """The split of a latent's firings, or why there is none."""
    if latent.sae == "narrow":
        cells = get_cells(engine, slug, latent.index)
        if cells is None:
            return NOT_KEPT
        if not cells.partners:
            return NO_PARTNER
        others = latents_by_index(engine, slug, "reference", cells.partners)
        return Split(latent, cells.partners, others, cells)
    found = list(_narrow_cells(engine, slug, latent))
    for cells in found:
        if latent.index in cells.partners:
            others = latents_by_index(engine, slug, "narrow", [cells.narrow_index])
            slot = cells.partners.index(latent.index)
            return Split(latent, (cells.narrow_index,), others, cells, slot)
    return NO_PAIR if found or get_cells(engine, slug, 0) is not None else NOT_KEPT


def _narrow_cells(engine: Engine, slug: str, latent: LatentScores) -> Iterator[FiringCells]:
    """Of the narrow latents that a reference latent is mixed into most, and the one that it is most of."""
    partners = read.partners_of_reference(engine, slug, latent.index)
    named = [partner.narrow_index for partner in partners]
    main = [latent.main_partner] if latent.main_partner is not None else []
    for i in list(dict.fromkeys([*main, *named]))[:MOST_TRIED]:
        cells = get_cells(engine, slug, i)
        if cells is not None:
            yield cells


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names) or "none"

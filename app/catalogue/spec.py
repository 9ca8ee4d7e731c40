"""How a number that people see is declared."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from app.records.sides import Side

PAPER = "Chanin, Dulka & Garriga-Alonso, arXiv 2505.11756"
SPARSE_BUT_WRONG = "Sparse but Wrong, arXiv 2508.16560"

NARROW: tuple[Side, ...] = ("narrow",)
REFERENCE: tuple[Side, ...] = ("reference",)
BOTH: tuple[Side, ...] = (*NARROW, *REFERENCE)

NARROW_ONLY = "scores are defined for narrow latents, relative to the reference"
NO_MATCH = "the other SAE has no latent that fires"
NEVER_FIRES = "never fires on the scored tokens"


Kind = Literal["integer", "number", "text", "flag"]


@dataclass(frozen=True)
class ScoreSpec:
    """One number (or word) shown to people.

    Attributes:
        name: the field's name in records, API, URLs and exports.
        title: as column heads and axes show it.
        definition: one sentence, exact enough to recompute it from.
        kind: of value.
        unit: `""` for a pure number.
        minimum, maximum: range; None where open.
        source: where the definition comes from.
        limits: what it does not say.
        undefined: why it is None, where nothing more is known; empty for what every latent has.
        page: the sides whose latent pages show it among the scores.
        table: the sides whose latents tables show it at first.
        sortable: whether the latents table sorts and filters by it.
    """

    name: str
    title: str
    definition: str
    kind: Kind = "number"
    unit: str = ""
    minimum: float | None = None
    maximum: float | None = None
    source: str = "this project"
    limits: str = ""
    undefined: str = ""
    page: tuple[Side, ...] = ()
    table: tuple[Side, ...] = ()
    sortable: bool = True

    @property
    def shown(self) -> Literal["", "share", "percent"]:
        """How people read its numbers: a density in percent, another number in [0, 1] to three decimals."""
        if self.name == "density":
            return "percent"
        return "share" if self.kind == "number" and (self.minimum, self.maximum) == (0, 1) else ""

    def is_of(self, side: Side) -> bool:
        """Whether latents of that side have it: it stands on their page or in their table."""
        return side in self.page or side in self.table

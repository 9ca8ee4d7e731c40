"""How a number that people see is declared."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

SCORING_VERSION = "3"
"""Part of every comparison's content hash: raise it whenever a formula changes any number."""


PAPER = "Chanin, Dulka & Garriga-Alonso, arXiv 2505.11756"
SPARSE_BUT_WRONG = "Sparse but Wrong, arXiv 2508.16560"


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
    sortable: bool = True

"""What `/lab` shows."""

from __future__ import annotations

from dataclasses import dataclass

from app.records import (
    ToyLab,
)
from app.web.pages.contexts.common import Frame
from app.web.shared.figures.plot import Plot


@dataclass(frozen=True)
class ShownToy:
    """A toy: its world and its SAE in words, and its result."""

    world: str
    sae: str
    plot: Plot


@dataclass(frozen=True)
class LabPage:
    """Tiny SAEs on worlds with known features.

    Attributes:
        results: the numbers, and the command that repeats them.
        toys: the same for people.
    """

    frame: Frame
    results: ToyLab
    toys: tuple[ShownToy, ...]

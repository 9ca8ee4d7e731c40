"""How long work tells how far it is, without knowing who listens."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

Advance = Callable[[int], None]
"""Called with what was done since the last call."""


class Progress(Protocol):
    """Opens a stage of `total` units and returns what advances it."""

    def __call__(self, stage: str, total: int, unit: str) -> Advance:
        """Open a stage."""
        ...


def silent(stage: str, total: int, unit: str) -> Advance:
    """Progress that nobody watches."""
    return lambda n: None

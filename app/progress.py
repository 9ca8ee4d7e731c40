"""How long-running work reports its progress, without knowing who listens."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

Advance = Callable[[int], None]
"""Called with what was done since the last call, and with 0 while waiting; what it raises stops the work."""


class Progress(Protocol):
    """Opens a stage of `total` units and returns what advances it."""

    def __call__(self, stage: str, total: int, unit: str) -> Advance:
        """Open a stage."""
        ...


def unreported(n: int) -> None:
    """Advances nothing: the default where no one listens."""


def silent(stage: str, total: int, unit: str) -> Advance:
    """Opens stages that report nothing."""
    return unreported

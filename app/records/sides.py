"""The two SAEs of a comparison, and things that come in pairs, one for each."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Generic, Literal, TypeVar, get_args

Side = Literal["narrow", "reference"]
"""Which of a comparison's two SAEs."""

SIDES: tuple[Side, ...] = get_args(Side)


def other_side(side: Side) -> Side:
    """The other SAE of a comparison."""
    return "reference" if side == "narrow" else "narrow"


T = TypeVar("T")
Result = TypeVar("Result")


@dataclass(frozen=True)
class BySide(Generic[T]):
    """One thing for the narrow SAE and one for the reference SAE."""

    narrow: T
    reference: T

    def __getitem__(self, side: Side) -> T:
        """The one of a side."""
        return self.narrow if side == "narrow" else self.reference

    def __iter__(self) -> Iterator[T]:
        """Narrow, then reference."""
        yield self.narrow
        yield self.reference

    def items(self) -> Iterator[tuple[Side, T]]:
        """Each side with its thing."""
        yield "narrow", self.narrow
        yield "reference", self.reference

    def map(self, function: Callable[[T], Result]) -> BySide[Result]:
        """What a function makes of each."""
        return BySide(function(self.narrow), function(self.reference))

    def swapped(self) -> BySide[T]:
        """Each side with the other one's thing."""
        return BySide(self.reference, self.narrow)

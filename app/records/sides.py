"""The two SAEs of a comparison, and pairs of values, one for each SAE."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Generic, Literal, TypeVar, get_args

Side = Literal["narrow", "reference"]
"""Which of a comparison's two SAEs."""

SIDES: tuple[Side, ...] = get_args(Side)


def other_side(side: Side) -> Side:
    """The side that a side is compared with."""
    return "reference" if side == "narrow" else "narrow"


T_co = TypeVar("T_co", covariant=True)
Result = TypeVar("Result")


@dataclass(frozen=True)
class BySide(Generic[T_co]):
    """A value for the narrow SAE and one for the reference SAE."""

    narrow: T_co
    reference: T_co

    @staticmethod
    def of(make: Callable[[Side], Result]) -> BySide[Result]:
        """The results of a function called with `"narrow"` and with `"reference"`."""
        return BySide(make("narrow"), make("reference"))

    def __getitem__(self, side: Side) -> T_co:
        """The value of a side."""
        return self.narrow if side == "narrow" else self.reference

    def __iter__(self) -> Iterator[T_co]:
        """Narrow, then reference."""
        yield self.narrow
        yield self.reference

    def items(self) -> Iterator[tuple[Side, T_co]]:
        """(side, value), narrow first."""
        yield "narrow", self.narrow
        yield "reference", self.reference

    def map(self, function: Callable[[T_co], Result]) -> BySide[Result]:
        """The results of a function called with each value."""
        return BySide(function(self.narrow), function(self.reference))

    def swapped(self) -> BySide[T_co]:
        """The two values exchanged."""
        return BySide(self.reference, self.narrow)

"""How a text is cut into the rows that a model reads."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class RowRules:
    """How a text is cut into the rows that a model reads, and which tokens are scored.

    The first position of a row and special tokens are never scored: their activations have an outsized norm.

    Attributes:
        length: tokens per row, a beginning-of-sequence token included.
        bos: whether each row begins with the beginning-of-sequence token; it stands between two documents either way.
        control_tokens: whether control tokens that the text spells out are read as such; otherwise as plain text.
        first, last: positions of a row that are scored, from `first` to `last` (exclusive); None for the row's end.
    """

    length: int = 128
    bos: bool = True
    control_tokens: bool = False
    first: int = 1
    last: int | None = None

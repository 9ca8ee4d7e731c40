"""What a page shows of a latent's contexts: tabs, choices, and rows of tokens with marks for partners."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class TokenMark:
    """A partner that fires on a token: which mark it has, 1 … 3, and its activation."""

    slot: int
    activation: float


@dataclass(frozen=True)
class MarkedToken:
    """A token of a context.

    Attributes:
        text: empty where the token holds only part of a character.
        activation: of the latent; strength: colour step, 0 … 10.
        marks: of the chosen partners that fire on it.
    """

    text: str
    activation: float
    strength: int
    marks: tuple[TokenMark, ...]


@dataclass(frozen=True)
class MarkedContext:
    """A stretch of tokens around the one that it is about; without any where the comparison keeps no text.

    Attributes:
        activation: of the latent at the token; marks: of the chosen partners that fire there.
        before, centre, after: the tokens.
    """

    row: int
    position: int
    activation: float
    marks: tuple[TokenMark, ...]
    before: tuple[MarkedToken, ...]
    centre: MarkedToken | None
    after: tuple[MarkedToken, ...]


@dataclass(frozen=True)
class MarkedGroup:
    """Contexts under one heading, empty for none."""

    kind: str
    title: str
    contexts: tuple[MarkedContext, ...]


@dataclass(frozen=True)
class Choice:
    """A link that chooses a tab, a partner or a switch.

    Attributes:
        count: tokens behind it; None where that is not known.
        mark: of a partner, the mark it has, 0 for none.
    """

    text: str
    href: str
    chosen: bool
    count: int | None = None
    label: str = ""
    mark: int = 0


@dataclass(frozen=True)
class ContextSection:
    """The contexts of a latent.

    Attributes:
        tabs: kinds of contexts; note: what the chosen one shows, in a sentence.
        partners: that the chosen tab can be about; marks: that can be marked, up to three at once.
        switches: length of the rows, and near duplicates.
        groups: what is shown; n_hidden: near duplicates that are left out.
        is_short: whether rows are one line each, aligned at the token they are about.
        reason: why there are no cells; None where there are.
    """

    tabs: tuple[Choice, ...]
    note: str
    partners: tuple[Choice, ...]
    marks: tuple[Choice, ...]
    switches: tuple[Choice, ...]
    groups: tuple[MarkedGroup, ...]
    n_hidden: int
    is_short: bool
    reason: str | None

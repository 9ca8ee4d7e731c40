"""What `/search` shows."""

from __future__ import annotations

from dataclasses import dataclass

from app.web.pages.contexts.common import Frame


@dataclass(frozen=True)
class SearchHit:
    """Something found: its page, its name, the tokens it fires on, and its most telling number in words."""

    href: str
    title: str
    label: str
    note: str


@dataclass(frozen=True)
class SearchGroup:
    """Hits of one kind; `more_url` has all of them, where these are not all."""

    title: str
    hits: tuple[SearchHit, ...]
    more_url: str | None


@dataclass(frozen=True)
class TextHit:
    """A place in a comparison's text that has what is searched for.

    Attributes:
        before, found, after: the text around it; `found` is the token with which it begins.
        latents: that are named by this token.
    """

    row: int
    before: str
    found: str
    after: str
    latents: tuple[SearchHit, ...]


@dataclass(frozen=True)
class SearchPage:
    """What a search finds.

    Attributes:
        q: the search; empty before there is one.
        scope: slug of the comparison whose latents are searched; None for the newest comparisons.
        text: places in that comparison's text, empty without one; `text_complete`: whether all of the text was read.
    """

    frame: Frame
    q: str
    scope: str | None
    groups: tuple[SearchGroup, ...]
    text: tuple[TextHit, ...]
    text_complete: bool

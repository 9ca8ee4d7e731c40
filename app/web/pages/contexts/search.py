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
class SearchPage:
    """What a search finds.

    Attributes:
        q: the search; empty before there is one.
        scope: slug of the comparison whose latents are searched; None for the newest comparisons.
    """

    frame: Frame
    q: str
    scope: str | None
    groups: tuple[SearchGroup, ...]

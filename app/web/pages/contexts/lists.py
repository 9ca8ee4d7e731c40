"""What `/lists` shows."""

from __future__ import annotations

from dataclasses import dataclass

from app.records import LatentScores
from app.web.pages.contexts.common import Frame


@dataclass(frozen=True)
class ListItem:
    """A latent in a list.

    Attributes:
        value: the item as addresses have it.
        slug: of its comparison.
        name: of its comparison; empty where it is not stored here.
        latent: None where it is not stored here.
        note: of the list's author.
        without: the list without it.
        why: the reason why it is not shown; None where it is.
    """

    value: str
    slug: str
    name: str
    latent: LatentScores | None
    note: str
    without: str
    why: str | None


@dataclass(frozen=True)
class ListPage:
    """A list of latents with notes, all of it in the address; `title` is empty for a list without one."""

    frame: Frame
    title: str
    items: tuple[ListItem, ...]

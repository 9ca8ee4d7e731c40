"""What `/about` shows."""

from __future__ import annotations

from dataclasses import dataclass

from app.catalogue import ScoreSpec
from app.web.pages.contexts.common import Frame


@dataclass(frozen=True)
class SpecGroup:
    """A part of the catalogue; `anchors` where its fields are linked to from other pages."""

    title: str
    prefix: str
    specs: tuple[ScoreSpec, ...]


@dataclass(frozen=True)
class AboutPage:
    """What the scores mean and their limits."""

    frame: Frame
    scoring_version: str
    groups: tuple[SpecGroup, ...]

"""All of one comparison, as the store takes it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from app.records.cells import FiringCells
from app.records.comparison import ComparisonSummary
from app.records.latent import LatentDetail, LatentScores
from app.records.level_link import LevelLink
from app.records.pair import PairDetail, PairProfile, Partner

UNKNOWN_TOKEN = "·"
"""Shown for a token whose id or tokenizer is not known."""


@dataclass(frozen=True)
class TextRow:
    """The tokens of one row, as they are shown: joined, they read as the text.

    A token that holds only part of a character's bytes is shown empty, and the character on the
    token that completes it.
    """

    row: int
    tokens: tuple[str, ...]


@dataclass(frozen=True)
class ComparisonBundle:
    """All of one comparison, as the store takes it: written whole or not at all.

    The iterables may be generators; each is read once.
    """

    summary: ComparisonSummary
    latents: Iterable[LatentScores]
    partners: Iterable[Partner]
    details: Iterable[LatentDetail]
    pairs: Iterable[PairDetail]
    profiles: Iterable[PairProfile]
    cells: Iterable[FiringCells]
    text_rows: Iterable[TextRow]
    level_links: Iterable[LevelLink] = ()

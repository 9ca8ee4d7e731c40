"""What `/c/{slug}/levels` shows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from markupsafe import Markup

from app.records import ComparisonSummary, LevelLink, Side
from app.store.read_levels import LevelPairCount
from app.web.pages.contexts.common import Frame
from app.web.shared.figures.plot import Plot


@dataclass(frozen=True)
class LevelChoice:
    """Two levels between which there are links; `url` shows them."""

    count: LevelPairCount
    url: str
    is_current: bool


@dataclass(frozen=True)
class FamilyTree:
    """Parents and children between two levels of one SAE, or around one latent.

    Attributes:
        sae: whose latents.
        choices: every two levels that have links.
        latent: around which the tree is; None for two levels.
        links: those shown.
        labels: latent -> tokens that it fires on.
        drawing: the first links as a picture; None without links.
        n_drawn: links in it.
        more_url: with more links; None where all are shown.
        reason: why there are none; None where there are.
    """

    sae: Side
    choices: tuple[LevelChoice, ...]
    latent: int | None
    links: tuple[LevelLink, ...]
    labels: Mapping[int, str]
    drawing: Markup | None
    n_drawn: int
    more_url: str | None
    reason: str | None


@dataclass(frozen=True)
class PrefixComparison:
    """A prefix of the reference as a narrow SAE.

    Attributes:
        width: of the prefix.
        summary: the newest comparison of it with the whole reference; None where there is none yet.
    """

    width: int
    summary: ComparisonSummary | None


@dataclass(frozen=True)
class LevelsPage:
    """Both SAEs, Matryoshka level by level.

    Attributes:
        prefixes: of the reference, innermost first; none where the narrow SAE is one itself.
        tree: parents and children between levels.
    """

    frame: Frame
    summary: ComparisonSummary
    plots: tuple[Plot, ...]
    prefixes: tuple[PrefixComparison, ...]
    tree: FamilyTree

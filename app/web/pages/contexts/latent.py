"""What the page of one latent shows."""

from __future__ import annotations

from dataclasses import dataclass

from app.catalogue import ScoreSpec
from app.records import (
    ComparisonSummary,
    LatentDegree,
    LatentScores,
    LogitWeights,
)
from app.web.pages.contexts.common import Frame, NearLatent, ShownContext
from app.web.shared.figures.plot import Plot
from app.web.shared.interventions import ShownReleases
from app.web.shared.latents import PartnerRow


@dataclass(frozen=True)
class ContextGroup:
    """Contexts of one kind: the strongest, or one fifth of the firings."""

    kind: str
    title: str
    contexts: tuple[ShownContext, ...]


@dataclass(frozen=True)
class Steps:
    """The latents before and after this one, by index or in the order of the table it came from.

    Attributes:
        order: the order in words.
        query: parameters that keep the order.
    """

    order: str
    previous: int | None
    next: int | None
    query: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class LatentPage:
    """One latent of either SAE.

    Attributes:
        scores: the catalogue's fields that this side has.
        partners: of a narrow latent the main partner, the terms of its score by mass, then the rest of its
            decomposition; of a reference latent the narrow latents that it is a partner of, by mass, then share.
        terms: the sum that the score is, in words; None where the latent has no score or it has no terms stored.
        n_partners: all of them; `partners` may hold only the first.
        degree: the latent's hedging degree, where its SAE's was measured.
        releases: what the newest intervention measured of the latent and its pairs; None without one.
        other_latent: the main partner, whose activations are shown with this latent's.
        highlight: which of the two the contexts show: `both`, `latent` or `partner`.
        has_tokens: False where the comparison was made from activations alone.
    """

    frame: Frame
    summary: ComparisonSummary
    latent: LatentScores
    scores: tuple[ScoreSpec, ...]
    degree: LatentDegree | None
    releases: ShownReleases | None
    partners: tuple[PartnerRow, ...]
    n_partners: int
    terms: str | None
    decomposition: Plot | None
    histogram: Plot | None
    groups: tuple[ContextGroup, ...]
    has_tokens: bool
    highlight: str
    other_latent: NearLatent | None
    same_sae: tuple[NearLatent, ...]
    other_sae: tuple[NearLatent, ...]
    logit_weights: LogitWeights | None
    steps: tuple[Steps, ...]

"""What the page of one latent shows."""

from __future__ import annotations

from dataclasses import dataclass

from app.catalogue import ScoreSpec
from app.records import (
    ComparisonSummary,
    LatentDegree,
    LatentScores,
    LogitWeights,
    OtherLabel,
)
from app.web.pages.contexts.common import Frame, NearLatent
from app.web.pages.contexts.marked import ContextSection
from app.web.shared.figures.chart import Tone
from app.web.shared.figures.plot import Plot
from app.web.shared.interventions import ShownReleases
from app.web.shared.latents import PartnerRow
from app.web.shared.verdict import Verdict


@dataclass(frozen=True)
class FiringPart:
    """A part of a latent's firings, by which partners fire.

    Attributes:
        tone: its colour; n: tokens; share: of all.
        tokens: the most frequent ones among its strongest contexts.
        href: of the contexts that show it; None for none.
    """

    name: str
    tone: Tone
    n: int
    share: float
    tokens: tuple[str, ...]
    href: str | None


@dataclass(frozen=True)
class Pictures:
    """The pictures of a latent, each None where there is nothing to draw.

    Attributes:
        score: on its axis; firings: by partner and activation; plane: of main and mixed-in direction.
        parts: of the firings; near_misses: where the main partner fires alone.
        terms: of the score, partner by partner.
    """

    score: Plot | None
    firings: Plot | None
    parts: tuple[FiringPart, ...]
    near_misses: FiringPart | None
    plane: Plot | None
    terms: Plot | None


@dataclass(frozen=True)
class Corrected:
    """A decoder row without its mixed-in parts, next to the row as it is.

    Attributes:
        decoder_cosine: of the two.
        actual, without: the nearest reference latents of either.
        logits, logits_without: the tokens that either raises and lowers; None without a model.
    """

    decoder_cosine: float
    actual: tuple[NearLatent, ...]
    without: tuple[NearLatent, ...]
    logits: LogitWeights | None
    logits_without: LogitWeights | None


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
        verdict: what is known of it, in a sentence.
        corrected: what the row would be without its mixed-in parts; None where nothing is mixed in or kept.
        other_labels: what other programs call it.
        neuronpedia_url: its page on Neuronpedia; None where that is not known.
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
    verdict: Verdict
    pictures: Pictures
    corrected: Corrected | None
    histogram: Plot | None
    contexts: ContextSection
    has_tokens: bool
    same_sae: tuple[NearLatent, ...]
    other_sae: tuple[NearLatent, ...]
    logit_weights: LogitWeights | None
    steps: tuple[Steps, ...]
    other_labels: tuple[OtherLabel, ...]
    neuronpedia_url: str | None

"""The API's answers, besides the records themselves. They are written as they are, with fields in this order."""

from __future__ import annotations

from dataclasses import dataclass

from app.jobs.records import Job
from app.records import (
    ComparisonSummary,
    Context,
    DegreeRecord,
    FiringTable,
    InterventionSummary,
    LatentRelease,
    LatentScores,
    LevelSummary,
    LogHistogram,
    LogitWeights,
    Neighbour,
    Overlap,
    PairContext,
    PairRelease,
    Partner,
    SaeRecord,
)
from app.scores.rank_correlation import RankCorrelation
from app.store.counts import FacetValue


@dataclass(frozen=True)
class SaeList:
    """The registered SAEs, by name.

    Attributes:
        items: all of them.
        next: always null: the list is complete.
        total: how many there are.
    """

    items: tuple[SaeRecord, ...]
    next: None
    total: int


@dataclass(frozen=True)
class ComparisonList:
    """The stored comparisons, newest first.

    Attributes:
        items: all of them.
        next: always null: the list is complete.
        total: how many there are.
    """

    items: tuple[ComparisonSummary, ...]
    next: None
    total: int


@dataclass(frozen=True)
class InterventionItem:
    """An intervention in a list.

    Attributes:
        id: its number.
        summary: design, controls and figures, without pairs and latents.
    """

    id: int
    summary: InterventionSummary


@dataclass(frozen=True)
class InterventionList:
    """The interventions on a comparison, the one stored last first.

    Attributes:
        items: all of them.
        next: always null: the list is given whole.
        total: how many there are.
    """

    items: tuple[InterventionItem, ...]
    next: None
    total: int


@dataclass(frozen=True)
class Intervention:
    """One intervention.

    Attributes:
        id: its number.
        summary: design, controls and figures.
        pairs: releases of named pairs and of each latent's largest others, the largest first.
        latents: sums of narrow latents that fire, by index.
    """

    id: int
    summary: InterventionSummary
    pairs: tuple[PairRelease, ...]
    latents: tuple[LatentRelease, ...]


@dataclass(frozen=True)
class JobList:
    """Jobs, newest first.

    Attributes:
        items: of this page.
        next: for the parameter `before`, to get the next page; null on the last.
        total: always null: they are not counted.
    """

    items: tuple[Job, ...]
    next: str | None
    total: None


@dataclass(frozen=True)
class Levels:
    """Both SAEs of a comparison, Matryoshka level by level, innermost first.

    Attributes:
        slug: of the comparison.
        narrow, reference: a non-Matryoshka SAE has one level, its full width.
    """

    slug: str
    narrow: tuple[LevelSummary, ...]
    reference: tuple[LevelSummary, ...]


@dataclass(frozen=True)
class Degrees:
    """The hedging degrees that were measured on a comparison's narrow SAE, the one stored last first.

    Attributes:
        slug: of the comparison.
        items: all of them; empty if none was measured.
        rank_correlation: over latents, of the first one's degrees and the hedging scores; null without one.
        rank_correlation_at_equal_activation: the same, with what both share with the mean activation removed.
    """

    slug: str
    items: tuple[DegreeRecord, ...]
    rank_correlation: RankCorrelation | None
    rank_correlation_at_equal_activation: RankCorrelation | None


@dataclass(frozen=True, kw_only=True)
class LatentContext(Context):
    """A stretch of tokens around a firing of a latent.

    Attributes:
        tokens: joined, they give the text; null if the comparison keeps no text.
    """

    tokens: tuple[str, ...] | None


@dataclass(frozen=True)
class Neighbours:
    """The nearest latents by decoder cosine, nearest first.

    Attributes:
        same_sae: of the same SAE.
        other_sae: of the comparison's other SAE.
    """

    same_sae: tuple[Neighbour, ...]
    other_sae: tuple[Neighbour, ...]


@dataclass(frozen=True, kw_only=True)
class Latent(LatentScores):
    """One latent: its scores, and the evidence for them.

    Attributes:
        partners: of a narrow latent, the reference latents of its decomposition and of its hedging score, by rank;
            of a reference latent, the narrow latents (`narrow_index`) that it is a partner of, largest mixed mass
            first, then largest share.
        histogram: of its activations.
        contexts: `top` first by activation, then `q5` … `q1`.
        neighbours: by decoder cosine.
        logit_weights: null if no model was available.
    """

    partners: tuple[Partner, ...]
    histogram: LogHistogram
    contexts: tuple[LatentContext, ...]
    neighbours: Neighbours
    logit_weights: LogitWeights | None


@dataclass(frozen=True, kw_only=True)
class LatentRow(LatentScores):
    """A latent in a list: the requested fields, by default all scores.

    Attributes:
        partners: as of one latent; only where `include` has it.
        contexts: as of one latent; only where `include` has it.
    """

    partners: tuple[Partner, ...]
    contexts: tuple[LatentContext, ...]


@dataclass(frozen=True)
class LatentPage:
    """A page of latents.

    Attributes:
        items: at most `limit`.
        next: for the parameter `cursor`, to get the next page; null on the last.
        total: latents in the filtered view; null where not counted.
        facets: field -> its most frequent values with counts; only where `facets` names some.
    """

    items: tuple[LatentRow, ...]
    next: str | None
    total: int | None
    facets: dict[str, tuple[FacetValue, ...]]


@dataclass(frozen=True)
class ActivationsOfBoth:
    """Tokens on which both latents of a pair fire, by the activation of each.

    Attributes:
        narrow_edges, reference_edges: log-spaced bin edges, in units of activation.
        counts: `[n_narrow_bins][n_reference_bins]` tokens.
    """

    narrow_edges: tuple[float, ...]
    reference_edges: tuple[float, ...]
    counts: tuple[tuple[int, ...], ...]


@dataclass(frozen=True, kw_only=True)
class SharedContext(PairContext):
    """A stretch of tokens on which both latents of a pair fire.

    Attributes:
        row: index of the row in the text.
        position: place in the row of the token that the context is about.
        start: place in the row of the context's first token.
        narrow_activations, reference_activations: of the two latents on each token of the stretch.
        tokens: joined, they give the text; null if the comparison keeps no text.
    """

    tokens: tuple[str, ...] | None


@dataclass(frozen=True)
class PairAnswer:
    """A narrow latent and a reference latent.

    Attributes:
        decoder_cosine: of the two decoder rows.
        firing: the 2×2 table: scored tokens by which of the two fire on them.
        overlap: how much the two fire on the same tokens, with 95 % Wilson intervals.
        partner: the evidence, if the reference latent is in the narrow one's decomposition.
        joint_histogram: of the activations on tokens on which both fire.
        contexts: where both fire most strongly, each relative to its own maximum.
        reasons: field -> the reason why it is null.
    """

    narrow_index: int
    reference_index: int
    decoder_cosine: float | None
    firing: FiringTable | None
    overlap: Overlap | None
    partner: Partner | None
    joint_histogram: ActivationsOfBoth | None
    contexts: tuple[SharedContext, ...]
    reasons: dict[str, str]

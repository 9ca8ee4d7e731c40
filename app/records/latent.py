"""One latent: its scores and what its page shows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from app.records.sides import Side

LatentDiagnosis = Literal["clean", "hedged", "uncertain", "absorbed", "novel", "dead"]


@dataclass(frozen=True)
class LatentScores:
    """The numbers of one latent: a row of the latents table, and of exports.

    Fields are declared in `app.catalogue`, one `ScoreSpec` each. Narrow latents are scored against
    the reference; for a reference latent the same columns look the other way where that makes
    sense (`max_decoder_cosine`, `max_jaccard`, `main_partner`) and are None elsewhere.

    Attributes:
        label: the tokens it fires on most strongly, for people to recognise it by.
        reasons: field -> why it is None.
    """

    sae: Side
    index: int
    level: int
    label: str
    n_firings: int
    density: float
    max_activation: float | None = None
    mean_activation: float | None = None
    hedging_score: float | None = None
    hedging_score_low: float | None = None
    hedging_score_high: float | None = None
    hedging_chance: float | None = None
    merged_mass: float | None = None
    decoder_hedging: float | None = None
    activation_hedging: float | None = None
    decomposition_residual: float | None = None
    max_decoder_cosine: float | None = None
    max_decoder_cosine_percentile: float | None = None
    max_decoder_cosine_data_percentile: float | None = None
    max_decoder_cosine_index: int | None = None
    mutual_best: bool | None = None
    max_jaccard: float | None = None
    max_jaccard_index: int | None = None
    c_dec: float | None = None
    main_partner: int | None = None
    n_hedged_partners: int | None = None
    absorbed_by: int | None = None
    diagnosis: LatentDiagnosis | None = None
    # Last: rows of the database are read in this order.
    reasons: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Neighbour:
    """A latent near another one by decoder cosine."""

    index: int
    decoder_cosine: float


@dataclass(frozen=True)
class Context:
    """A stretch of one row of tokens around a firing of a latent.

    Attributes:
        kind: `top`, or `q1` (weakest fifth of its firings) … `q5` (strongest fifth).
        row: index of the row in the text; tokens are in the comparison's `TextRow`.
        position: place in the row of the token the context is about.
        start: place in the row of the context's first token; it has `len(activations)` tokens.
        activation: of the latent at `position`.
        activations: of the latent on each token of the stretch (0 where silent or not scored).
        partner_activations: of its main partner on the same tokens; None where it has none.
    """

    kind: str
    row: int
    position: int
    start: int
    activation: float
    activations: tuple[float, ...]
    partner_activations: tuple[float, ...] | None


@dataclass(frozen=True)
class LogHistogram:
    """Counts of non-zero activations in log-spaced bins; empty bins at both ends are cut off.

    Attributes:
        edges: `[n_bins + 1]` ascending, in units of activation.
        counts: `[n_bins]`.
    """

    edges: tuple[float, ...]
    counts: tuple[int, ...]


@dataclass(frozen=True)
class TokenWeight:
    """A token of the vocabulary and how much a latent's direction raises its logit."""

    token: str
    weight: float


@dataclass(frozen=True)
class LogitWeights:
    """The vocabulary's ends of a latent's decoder direction through the unembedding."""

    top: tuple[TokenWeight, ...]
    bottom: tuple[TokenWeight, ...]


@dataclass(frozen=True)
class LatentDetail:
    """What a latent's own page shows beyond its scores and partners.

    Attributes:
        same_sae: nearest latents of the same SAE, nearest first.
        other_sae: nearest latents of the other SAE, nearest first.
        contexts: `top` first by activation, then `q5` … `q1`.
        logit_weights: None where no model was at hand.
    """

    sae: Side
    index: int
    histogram: LogHistogram
    same_sae: tuple[Neighbour, ...]
    other_sae: tuple[Neighbour, ...]
    contexts: tuple[Context, ...]
    logit_weights: LogitWeights | None

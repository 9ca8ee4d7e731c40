"""A comparison as a whole: its two SAEs, their levels, the null."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from app.records.rows import RowRules
from app.records.sae import SaeRecord


@dataclass(frozen=True)
class LevelSummary:
    """One Matryoshka level (a non-Matryoshka SAE has one, its whole width).

    Attributes:
        level: 0 for the innermost.
        width: prefix width; the level's group is the latents `[previous width, width)`.
        n_latents: size of the group.
        n_dead: latents of the group that never fired.
        l0: active latents of the group a token.
        explained_variance: by the prefix, share of the variance; may be negative.
        mean_hedging_score: over the group's latents that have a score; None where none has.
        n_hedged: latents of the group diagnosed as hedged.
    """

    level: int
    width: int
    n_latents: int
    n_dead: int
    l0: float
    explained_variance: float | None
    mean_hedging_score: float | None
    n_hedged: int


@dataclass(frozen=True)
class SideSummary:
    """One SAE on the comparison's tokens.

    Attributes:
        sae: the SAE.
        l0: active latents a token.
        explained_variance: share of the variance of the activations.
        n_dead: latents that never fired.
        levels: innermost first.
    """

    sae: SaeRecord
    l0: float
    explained_variance: float | None
    n_dead: int
    levels: tuple[LevelSummary, ...]


@dataclass(frozen=True)
class NullSummary:
    """The best decoder cosine that random directions reach against the reference's alive latents.

    Attributes:
        n_directions: isotropic random directions drawn.
        n_latents: alive reference latents.
        mean, sd: of their best cosines.
        q95: their 95th percentile.
    """

    n_directions: int
    n_latents: int
    mean: float
    sd: float
    q95: float


@dataclass(frozen=True)
class ComparisonSummary:
    """Everything about a comparison that is not about one latent.

    Attributes:
        slug: `name-hash`; the hash is of SAE files, model, hook, text, tokens and scoring version.
        name: the name part of the slug.
        content_hash: the whole hash, hexadecimal.
        model_name: None where activations came from a file.
        text_source: file or dataset the tokens (or activations) came from.
        text_checksum: SHA-256 of it.
        n_tokens: scored tokens; special tokens and the first position of a row are left out.
        score_quantiles: quantile (`"0.05"`, …) -> hedging score over narrow latents with one.
        score_histogram: counts of narrow hedging scores in 20 equal bins of [0, 1].
        n_scored: narrow latents with a hedging score.
        n_hedged: narrow latents diagnosed as hedged.
        n_merged: hedged latents that may be merged instead: at least half of the score lies with partners on which they
            fire by themselves.
        chance_level: 95 % point of the hedging scores by chance; None where no latent has a score, and in comparisons
            before scoring version 4.
        command: what repeats it.
        versions: program and library versions.
        rows: how the text was cut into rows; None where activations came from a file, and in comparisons stored by an
            earlier version, which read rows of 128 tokens.
        notes: what to know before the numbers are believed, one line each.
        mismatch: how the two SAEs read different places, where that was allowed; None where they read the same.
    """

    slug: str
    name: str
    content_hash: str
    scoring_version: str
    created_at: datetime
    narrow: SideSummary
    reference: SideSummary
    model_name: str | None
    hook_name: str | None
    text_source: str
    text_checksum: str
    n_tokens: int
    score_quantiles: Mapping[str, float]
    score_histogram: tuple[int, ...]
    n_scored: int
    n_hedged: int
    null: NullSummary
    command: str
    versions: Mapping[str, str]
    rows: RowRules | None = None
    notes: tuple[str, ...] = ()
    mismatch: str | None = None
    n_merged: int = 0
    chance_level: float | None = None

"""What crosses layers: plain frozen dataclasses, no torch, no SQLAlchemy.

A number that can be undefined is `float | None`; why it is None stands in the latent's `reasons`,
under the field's name. Never NaN, never -1 for "no value".
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

Side = Literal["narrow", "reference"]
"""Which of a comparison's two SAEs."""

PartnerDiagnosis = Literal["main", "hedged", "absorbed", "split", "unexplained"]
LatentDiagnosis = Literal["clean", "hedged", "absorbed", "novel", "dead"]
WidthsSource = Literal["metadata", "group_sizes", "declared"]


@dataclass(frozen=True)
class SaeRecord:
    """A registered SAE.

    Attributes:
        name: unique name, or `name@width` for a prefix of a Matryoshka SAE.
        checksum: SHA-256 of the weights (of the whole SAE, for a prefix too), hexadecimal.
        source: the folder or hub name it is loaded from.
        architecture: SAELens' name of the architecture it runs as, e.g. `jumprelu`.
        training_architecture: what it was trained as, where the metadata say so.
        matryoshka_widths: ascending prefix widths; None where it is no Matryoshka SAE.
        widths_source: where the widths come from; None where there are none.
        explained_variance: share in [.., 1] on the preflight sample; None where no sample was run.
        l0: active latents a token on the preflight sample; None where no sample was run.
        notes: what the preflight found worth saying, one line each.
        config_checksum: SHA-256 of what the configuration says about encoding; the same weights
            read as another architecture are another SAE.
    """

    name: str
    checksum: str
    source: str
    architecture: str
    training_architecture: str | None
    d_in: int
    d_sae: int
    dtype: str
    model_name: str | None
    hook_name: str | None
    matryoshka_widths: tuple[int, ...] | None
    widths_source: WidthsSource | None
    explained_variance: float | None
    l0: float | None
    notes: tuple[str, ...] = ()
    created_at: datetime | None = None
    config_checksum: str = ""


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
        command: what repeats it.
        versions: program and library versions.
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
    max_activation: float | None
    mean_activation: float | None
    hedging_score: float | None
    hedging_score_low: float | None
    hedging_score_high: float | None
    typical_hedging: float | None
    refit_hedging: float | None
    decoder_hedging: float | None
    activation_hedging: float | None
    decomposition_residual: float | None
    max_decoder_cosine: float | None
    max_decoder_cosine_percentile: float | None
    max_decoder_cosine_data_percentile: float | None
    max_decoder_cosine_index: int | None
    mutual_best: bool | None
    max_jaccard: float | None
    max_jaccard_index: int | None
    c_dec: float | None
    main_partner: int | None
    n_hedged_partners: int | None
    absorbed_by: int | None
    diagnosis: LatentDiagnosis | None
    reasons: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Partner:
    """A narrow latent and one reference latent of its decomposition, with the evidence.

    Attributes:
        narrow_index, index: the two latents; `index` is the reference latent's.
        rank: 0 for the main partner, then by descending share.
        level: Matryoshka level of the reference latent.
        weight: of the reference direction in the narrow latent's decomposition.
        share: of the decomposition, in [0, 1].
        activation_share: of the narrow latent's explained activation variance, in [0, 1].
        n_both: tokens on which both fire; `n_narrow`, `n_reference`: on which each fires.
        jaccard, p_j_given_i, p_i_given_j, lift, phi: of the firings; `*_low`, `*_high`: 95 % Wilson.
        z: standard score of `n_both` under independence.
    """

    narrow_index: int
    index: int
    rank: int
    level: int
    decoder_cosine: float
    weight: float
    share: float
    activation_share: float | None
    n_both: int
    n_narrow: int
    n_reference: int
    jaccard: float | None
    jaccard_low: float | None
    jaccard_high: float | None
    p_j_given_i: float | None
    p_j_given_i_low: float | None
    p_j_given_i_high: float | None
    p_i_given_j: float | None
    lift: float | None
    phi: float | None
    z: float | None
    diagnosis: PartnerDiagnosis


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


@dataclass(frozen=True)
class PairContext:
    """A stretch of tokens on which both latents of a pair fire; `activations` of both."""

    row: int
    position: int
    start: int
    narrow_activations: tuple[float, ...]
    reference_activations: tuple[float, ...]


@dataclass(frozen=True)
class PairDetail:
    """Joint behaviour of a narrow latent and one of its partners.

    Attributes:
        narrow_edges, reference_edges: log-spaced bin edges.
        joint_counts: `[n_narrow_bins][n_reference_bins]` tokens on which both fire.
        contexts: where both fire most strongly, each relative to its own maximum.
    """

    narrow_index: int
    reference_index: int
    narrow_edges: tuple[float, ...]
    reference_edges: tuple[float, ...]
    joint_counts: tuple[tuple[int, ...], ...]
    contexts: tuple[PairContext, ...]


@dataclass(frozen=True)
class PairProfile:
    """One narrow latent against every reference latent, so that any pair has a page.

    Attributes:
        indices: reference latents listed, ascending.
        n_both: tokens on which both fire.
        decoder_cosine: of the pair.
        complete: whether all reference latents are listed; else those that matter most are.
    """

    narrow_index: int
    indices: Sequence[int]
    n_both: Sequence[int]
    decoder_cosine: Sequence[float]
    complete: bool


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
    text_rows: Iterable[TextRow]


@dataclass(frozen=True)
class ToyResult:
    """A tiny SAE trained on a world of a few features, and what theory says of it.

    Attributes:
        name: unique.
        title, text: what it is, and what it shows.
        features: names of the features; their directions are orthogonal.
        firing: probability of each feature.
        patterns, probabilities: the world: every combination of features that occurs, and how often.
        k: active latents a sample, on average.
        widths, multipliers: of the Matryoshka levels, innermost first; empty for a plain SAE.
        decoder, encoder: per latent, the cosines of its decoder (encoder) row to the features.
        b_dec: component of the decoder bias along each feature.
        expected: decoder by theory, of the first latents; empty where there is no closed form.
        expected_b_dec: decoder bias by theory; None where there is no closed form.
    """

    name: str
    title: str
    text: str
    features: tuple[str, ...]
    firing: tuple[float, ...]
    patterns: tuple[tuple[int, ...], ...]
    probabilities: tuple[float, ...]
    k: float
    widths: tuple[int, ...]
    multipliers: tuple[float, ...]
    decoder: tuple[tuple[float, ...], ...]
    encoder: tuple[tuple[float, ...], ...]
    b_dec: tuple[float, ...]
    expected: tuple[tuple[float, ...], ...]
    expected_b_dec: tuple[float, ...] | None


@dataclass(frozen=True)
class ToyLab:
    """All toys of one run.

    Attributes:
        command: what repeats it.
        seed: of directions, initialisation and samples.
        n_samples: training samples of each.
        versions: of program and libraries.
    """

    command: str
    seed: int
    n_samples: int
    versions: Mapping[str, str]
    toys: tuple[ToyResult, ...]


@dataclass(frozen=True)
class LatentDegree:
    """What the hedging degree says of one original latent.

    Attributes:
        index: of the latent, in both SAEs.
        raw: length of the projected change over the control's mean decoder norm.
        baseline: the same for random subspaces, mean.
        degree: (raw - baseline) / (1 - baseline).
        reason: why the three are None.
    """

    index: int
    raw: float | None
    baseline: float | None
    degree: float | None
    reason: str | None = None


@dataclass(frozen=True)
class DegreeRecord:
    """The hedging degree of one SAE, measured on a control/extended pair made from it.

    Attributes:
        parent_checksum: SHA-256 of the weights of the SAE that the pair was made from.
        control_checksum, extended_checksum: of the pair's weights.
        data_checksum: of the batches both were trained on.
        n_latents: original latents.
        n_new: new latents, N.
        rank: dimension of the new latents' span; smaller than N where they are dependent.
        n_tokens, batch_size, lr, training_seed: the training of both.
        n_baselines, seed: random subspaces of the baseline.
        mean_change: mean norm of a latent's change, in and out of the span.
        raw: mean norm of the changes projected on that span, over the mean norm of the control's rows.
        baseline_mean, baseline_sd: of `raw` for random subspaces of N dimensions.
        degree: (raw - baseline_mean) / (1 - baseline_mean), as it is: it may be negative.
        reason: why some of them are None.
        command: what repeats the measurement on the pair.
        versions: of program and libraries.
        created_at: when it was measured.
        latents: each original latent.
    """

    parent_checksum: str
    control_checksum: str
    extended_checksum: str
    data_checksum: str
    n_latents: int
    n_new: int
    rank: int
    n_tokens: int
    batch_size: int
    lr: float
    training_seed: int
    n_baselines: int
    seed: int
    mean_change: float
    raw: float | None
    baseline_mean: float | None
    baseline_sd: float | None
    degree: float | None
    reason: str | None
    command: str
    versions: Mapping[str, str]
    created_at: datetime
    latents: tuple[LatentDegree, ...]

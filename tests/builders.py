"""A small made-up comparison for tests, consistent in itself: every number follows from one set of activations."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime
from itertools import pairwise
from math import sqrt

import numpy as np
import numpy.typing as npt

from app.catalogue import SCORING_VERSION
from app.records import (
    ComparisonBundle,
    ComparisonSummary,
    Context,
    DegreeRecord,
    LatentDegree,
    LatentDetail,
    LatentDiagnosis,
    LatentScores,
    LevelSummary,
    LogHistogram,
    LogitWeights,
    Neighbour,
    NullSummary,
    PairContext,
    PairDetail,
    PairProfile,
    Partner,
    PartnerDiagnosis,
    SaeRecord,
    Side,
    SideSummary,
    TextRow,
    TokenWeight,
)

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

D_IN = 64
N_POSITIONS = 24
N_PARTNERS = 4
MARGIN = 4
CREATED_AT = datetime(2026, 11, 23, 12, 30, 15, 123456, tzinfo=UTC)
NEVER_FIRED = "never fired on the scored tokens"
REFERENCE_SIDE = "only narrow latents are scored"
VOCABULARY = (
    "The",
    " cat",
    " sat",
    "\n",
    "  ",
    "<script>",
    "alert(1)",
    "</script>",
    "&amp;",
    " '\"",
    "\u202e",
    "🙂",
    "",
    "é",
    " naïve",
    "日本",
    "\t",
    " 1984",
    ".",
    "{{ x }}",
    "\u200b",
    "%",
    "_",
    " Straße",
    "\r\n",
    " United",
    " States",
    "\x00",
)
"""Tokens that break careless pages: markup, line ends, right-to-left override, empty, NUL, template and LIKE syntax."""


@dataclass(frozen=True)
class World:
    """What a made-up comparison is computed from.

    Attributes:
        tokens: `[n_rows][N_POSITIONS]`.
        acts: side -> `[n_rows, N_POSITIONS, d_sae]`, float32 values; zero at position 0, which is not scored.
        decoder: side -> `[d_sae, D_IN]`, unit rows.
        n_firings: side -> tokens on which each latent fires, `[d_sae]`.
        widths: side -> Matryoshka prefix widths.
        random_best: best cosines of random directions against the alive reference latents.
    """

    tokens: tuple[tuple[str, ...], ...]
    acts: dict[Side, Floats]
    decoder: dict[Side, Floats]
    n_firings: dict[Side, Ints]
    widths: dict[Side, tuple[int, ...]]
    random_best: Floats

    @property
    def n_tokens(self) -> int:
        return len(self.tokens) * (N_POSITIONS - 1)

    def width(self, side: Side) -> int:
        return self.widths[side][-1]

    def level(self, side: Side, index: int) -> int:
        return next(level for level, width in enumerate(self.widths[side]) if index < width)


def make_bundle(
    *,
    seed: int = 0,
    n_narrow: int = 24,
    n_reference: int = 60,
    name: str = "tiny",
    n_rows: int = 8,
    widths: tuple[int, ...] = (12, 60),
) -> ComparisonBundle:
    """A complete comparison of `n_narrow` latents against a Matryoshka SAE of `n_reference` latents.

    Narrow latents mix two reference latents (every fifth holds one, every seventh none: novel); some latents of both
    sides are dead.
    The same arguments give the same bundle. All its iterables are tuples, so it can be read many times.

    Raises:
        ValueError: the last of `widths` is not `n_reference`.
    """
    if widths[-1] != n_reference:
        raise ValueError(f"widths end in {widths[-1]}; expected n_reference = {n_reference}")
    world = make_world(seed, n_narrow, widths, n_rows)
    both = co_firings(world)
    cosines = world.decoder["narrow"] @ world.decoder["reference"].T
    partners = tuple(p for i in range(n_narrow) for p in partners_of(world, both, cosines, i))
    narrow = tuple(narrow_scores(world, both, cosines, partners, i) for i in range(n_narrow))
    reference = tuple(reference_scores(world, both, cosines, partners, j) for j in range(n_reference))
    main = {p.narrow_index: p.index for p in partners if p.rank == 0}
    details = tuple(latent_detail(world, cosines, scores, main) for scores in narrow + reference)
    return ComparisonBundle(
        summary=make_summary(world, narrow, name, seed),
        latents=narrow + reference,
        partners=partners,
        details=details,
        pairs=tuple(pair_detail(world, p) for p in partners),
        profiles=tuple(pair_profile(both, cosines, i) for i in range(n_narrow)),
        text_rows=tuple(TextRow(row, tokens) for row, tokens in enumerate(world.tokens)),
    )


def make_sae_record(name: str = "tiny-narrow", *, d_sae: int = 24, widths: tuple[int, ...] | None = None) -> SaeRecord:
    """A registered SAE; its checksum follows from its name."""
    return SaeRecord(
        name=name,
        checksum=hashlib.sha256(name.encode()).hexdigest(),
        source=f"saes/{name}",
        architecture="jumprelu",
        training_architecture="matryoshka_batchtopk" if widths else "batchtopk",
        d_in=D_IN,
        d_sae=d_sae,
        dtype="float32",
        model_name="tiny-model",
        hook_name="model.layers.1",
        matryoshka_widths=widths,
        widths_source="metadata" if widths else None,
        explained_variance=0.75,
        l0=3.5,
        notes=("decoder norms range from 0.9 to 1.1",),
        created_at=CREATED_AT,
    )


def make_world(seed: int, n_narrow: int, widths: tuple[int, ...], n_rows: int) -> World:
    rng = np.random.default_rng(seed)
    n_reference = widths[-1]
    reference = unit_rows(rng.normal(size=(n_reference, D_IN)))
    reference_acts = sparse_activations(rng, n_rows, n_reference)
    reference_acts[..., 7::13] = 0
    first = 2 * np.arange(n_narrow) % n_reference
    second = (first + 1) % n_reference
    mixed_in = np.where(np.arange(n_narrow) % 5 == 1, 0.0, 0.45)
    narrow = 0.8 * reference[first] + mixed_in[:, None] * reference[second]
    narrow_acts = np.maximum(0.8 * reference_acts[..., first] + mixed_in * reference_acts[..., second] - 0.3, 0)
    narrow[3::7] = rng.normal(size=narrow[3::7].shape)
    narrow_acts[..., 3::7] = sparse_activations(rng, n_rows, narrow_acts[..., 3::7].shape[-1])
    narrow_acts[..., 5::11] = 0
    alive = reference_acts.any(axis=(0, 1))
    random_best = (unit_rows(rng.normal(size=(100, D_IN))) @ reference[alive].T).max(axis=1)
    tokens = tuple(tuple(VOCABULARY[k] for k in rng.integers(len(VOCABULARY), size=N_POSITIONS)) for _ in range(n_rows))
    acts: dict[Side, Floats] = {"narrow": as_float32(narrow_acts), "reference": as_float32(reference_acts)}
    return World(
        tokens=tokens,
        acts=acts,
        decoder={"narrow": unit_rows(narrow), "reference": reference},
        n_firings={side: (values > 0).sum(axis=(0, 1)) for side, values in acts.items()},
        widths={"narrow": (n_narrow,), "reference": widths},
        random_best=np.sort(random_best),
    )


def unit_rows(matrix: Floats) -> Floats:
    return np.asarray(matrix / np.linalg.norm(matrix, axis=1, keepdims=True))


def as_float32(values: Floats) -> Floats:
    """The same values as float32 would hold them, in float64."""
    return values.astype(np.float32).astype(np.float64)


def sparse_activations(rng: np.random.Generator, n_rows: int, n_latents: int) -> Floats:
    """`[n_rows, N_POSITIONS, n_latents]`, about one in eight non-zero, none at position 0."""
    shape = (n_rows, N_POSITIONS, n_latents)
    acts = rng.gamma(2.0, 1.0, size=shape) * (rng.random(shape) < 0.12)
    acts[:, 0] = 0
    return np.asarray(acts)


def co_firings(world: World) -> Ints:
    """Tokens on which both fire, `[n_narrow, n_reference]`."""
    narrow = (world.acts["narrow"] > 0).reshape(-1, world.width("narrow")).astype(np.int64)
    reference = (world.acts["reference"] > 0).reshape(-1, world.width("reference")).astype(np.int64)
    return np.asarray(narrow.T @ reference)


def wilson(k: int, n: int) -> tuple[float, float]:
    """95 % interval of a share of `k` in `n` > 0."""
    z2 = 1.96**2
    centre, half = (k + z2 / 2) / (n + z2), 1.96 * sqrt(k * (n - k) / n + z2 / 4) / (n + z2)
    return max(0.0, centre - half), min(1.0, centre + half)


def partners_of(world: World, both: Ints, cosines: Floats, i: int) -> list[Partner]:
    """The alive reference latents nearest to narrow latent `i`, by descending share; none for a dead latent."""
    if not world.n_firings["narrow"][i]:
        return []
    alive = np.flatnonzero(world.n_firings["reference"])
    chosen = alive[np.argsort(-np.abs(cosines[i, alive]), kind="stable")][:N_PARTNERS]
    weights = cosines[i, chosen]
    shares = weights**2 / (weights**2).sum()
    products = np.einsum("rp,rpj->j", world.acts["narrow"][..., i], world.acts["reference"][..., chosen])
    activation_shares = products / products.sum() if products.sum() > 0 else None
    return [
        make_partner(world, both, i, int(j), rank, float(weights[rank]), float(shares[rank]), activation_shares)
        for rank, j in enumerate(chosen)
    ]


def make_partner(
    world: World, both: Ints, i: int, j: int, rank: int, weight: float, share: float, activation_shares: Floats | None
) -> Partner:
    n_both = int(both[i, j])
    n_i, n_j, n = int(world.n_firings["narrow"][i]), int(world.n_firings["reference"][j]), world.n_tokens
    union = n_i + n_j - n_both
    expected = n_i * n_j / n
    spread = sqrt(expected * (1 - n_i / n) * (1 - n_j / n) * n / (n - 1))
    phi = (n * n_both - n_i * n_j) / sqrt(n_i * n_j * (n - n_i) * (n - n_j))
    jaccard_low, jaccard_high = wilson(n_both, union)
    given_low, given_high = wilson(n_both, n_i)
    return Partner(
        narrow_index=i,
        index=j,
        rank=rank,
        level=world.level("reference", j),
        decoder_cosine=weight,
        weight=weight,
        share=share,
        activation_share=None if activation_shares is None else float(activation_shares[rank]),
        n_both=n_both,
        n_narrow=n_i,
        n_reference=n_j,
        jaccard=n_both / union,
        jaccard_low=jaccard_low,
        jaccard_high=jaccard_high,
        p_j_given_i=n_both / n_i,
        p_j_given_i_low=given_low,
        p_j_given_i_high=given_high,
        p_i_given_j=n_both / n_j,
        lift=n_both / expected,
        phi=phi,
        z=(n_both - expected) / spread,
        diagnosis=partner_diagnosis(rank, weight, phi),
    )


def partner_diagnosis(rank: int, weight: float, phi: float) -> PartnerDiagnosis:
    if rank == 0:
        return "main"
    if weight < 0 and phi < 0:
        return "absorbed"
    return "hedged" if abs(weight) > 0.25 and weight * phi > 0.02 else "unexplained"


def narrow_scores(world: World, both: Ints, cosines: Floats, partners: tuple[Partner, ...], i: int) -> LatentScores:
    own = [p for p in partners if p.narrow_index == i]
    if not own:
        return dead_scores(world, "narrow", i)
    alive = np.flatnonzero(world.n_firings["reference"])
    nearest = int(alive[np.argmax(cosines[i, alive])])
    overlap, overlap_index = best_jaccard(world, both, "narrow", i)
    decoder_hedging = 1 - own[0].share
    main_activation_share = own[0].activation_share
    activation_hedging = None if main_activation_share is None else 1 - main_activation_share
    score = decoder_hedging if activation_hedging is None else (decoder_hedging + activation_hedging) / 2
    n_hedged = sum(p.diagnosis == "hedged" for p in own)
    best = float(cosines[i, nearest])
    percentile = float(np.searchsorted(world.random_best, best) / len(world.random_best))
    scores = replace(
        own_scores(world, "narrow", i),
        hedging_score=score,
        hedging_score_low=max(0.0, score - 0.05),
        hedging_score_high=min(1.0, score + 0.05),
        typical_hedging=score,
        refit_hedging=score / 2,
        decoder_hedging=decoder_hedging,
        activation_hedging=activation_hedging,
        decomposition_residual=max(0.0, 1 - sum(p.weight**2 for p in own)),
        max_decoder_cosine=best,
        max_decoder_cosine_percentile=percentile,
        max_decoder_cosine_data_percentile=percentile**2,
        max_decoder_cosine_index=nearest,
        mutual_best=bool(np.argmax(cosines[:, nearest]) == i),
        max_jaccard=overlap,
        max_jaccard_index=overlap_index,
        main_partner=own[0].index,
        n_hedged_partners=n_hedged,
        diagnosis=latent_diagnosis(percentile, n_hedged),
    )
    return with_reason(scores, "no partner fires with it")


def latent_diagnosis(percentile: float, n_hedged: int) -> LatentDiagnosis:
    if percentile < 0.95:
        return "novel"
    return "hedged" if n_hedged else "clean"


def reference_scores(world: World, both: Ints, cosines: Floats, partners: tuple[Partner, ...], j: int) -> LatentScores:
    if not world.n_firings["reference"][j]:
        return dead_scores(world, "reference", j)
    of_this = [p for p in partners if p.index == j]
    reasons = {} if of_this else {"main_partner": "no narrow latent's decomposition holds it"}
    alive = np.flatnonzero(world.n_firings["narrow"])
    nearest = int(alive[np.argmax(cosines[alive, j])])
    overlap, overlap_index = best_jaccard(world, both, "reference", j)
    scores = replace(
        own_scores(world, "reference", j),
        max_decoder_cosine=float(cosines[nearest, j]),
        max_decoder_cosine_index=nearest,
        mutual_best=bool(np.argmax(cosines[nearest]) == j),
        max_jaccard=overlap,
        max_jaccard_index=overlap_index,
        main_partner=max(of_this, key=lambda p: p.share).narrow_index if of_this else None,
        reasons=reasons,
    )
    return with_reason(scores, REFERENCE_SIDE)


def own_scores(world: World, side: Side, index: int) -> LatentScores:
    """What a latent has by itself; all that needs the other SAE is None."""
    acts = world.acts[side][..., index]
    active = acts[acts > 0]
    return LatentScores(
        sae=side,
        index=index,
        level=world.level(side, index),
        label=" ".join(dict.fromkeys(strongest_tokens(world, acts))) if len(active) else "",
        n_firings=len(active),
        density=len(active) / world.n_tokens,
        max_activation=float(active.max()) if len(active) else None,
        mean_activation=float(active.mean()) if len(active) else None,
        hedging_score=None,
        hedging_score_low=None,
        hedging_score_high=None,
        typical_hedging=None,
        refit_hedging=None,
        decoder_hedging=None,
        activation_hedging=None,
        decomposition_residual=None,
        max_decoder_cosine=None,
        max_decoder_cosine_percentile=None,
        max_decoder_cosine_data_percentile=None,
        max_decoder_cosine_index=None,
        mutual_best=None,
        max_jaccard=None,
        max_jaccard_index=None,
        c_dec=mean_own_cosine(world, side, index),
        main_partner=None,
        n_hedged_partners=None,
        absorbed_by=None,
        diagnosis=None,
    )


def with_reason(scores: LatentScores, reason: str) -> LatentScores:
    """The same scores with a reason for every field that is None and has none yet."""
    undefined = [f.name for f in fields(scores) if getattr(scores, f.name) is None]
    return replace(scores, reasons={**dict.fromkeys(undefined, reason), **scores.reasons})


def dead_scores(world: World, side: Side, index: int) -> LatentScores:
    return with_reason(replace(own_scores(world, side, index), diagnosis="dead"), NEVER_FIRED)


def strongest_tokens(world: World, acts: Floats) -> list[str]:
    """The three tokens with the largest activation, NUL as a symbol; `acts` is `[n_rows, N_POSITIONS]`."""
    strongest = np.argsort(-acts, axis=None, kind="stable")[:3]
    tokens = [world.tokens[flat // N_POSITIONS][flat % N_POSITIONS] for flat in strongest.tolist()]
    return [token.replace("\x00", "␀") for token in tokens]


def best_jaccard(world: World, both: Ints, side: Side, index: int) -> tuple[float, int]:
    shared = both[index] if side == "narrow" else both[:, index]
    other: Side = "reference" if side == "narrow" else "narrow"
    union = world.n_firings[side][index] + world.n_firings[other] - shared
    jaccard = shared / union
    return float(jaccard.max()), int(jaccard.argmax())


def mean_own_cosine(world: World, side: Side, index: int) -> float:
    cosines = np.abs(world.decoder[side] @ world.decoder[side][index])
    return float((cosines.sum() - cosines[index]) / (len(cosines) - 1))


def latent_detail(world: World, cosines: Floats, scores: LatentScores, main: dict[int, int]) -> LatentDetail:
    side, index = scores.sae, scores.index
    partner = scores.main_partner
    other: Side = "reference" if side == "narrow" else "narrow"
    acts = world.acts[side][..., index]
    partner_acts = None if partner is None else world.acts[other][..., partner]
    own = world.decoder[side] @ world.decoder[side][index]
    own[index] = -np.inf
    return LatentDetail(
        sae=side,
        index=index,
        histogram=log_histogram(acts),
        same_sae=neighbours(own),
        other_sae=neighbours(cosines[index] if side == "narrow" else cosines[:, index]),
        contexts=contexts(acts, partner_acts),
        logit_weights=LogitWeights(
            top=tuple(TokenWeight(t, 3.0 - 0.25 * k) for k, t in enumerate(VOCABULARY[index % 9 :][:5])),
            bottom=tuple(TokenWeight(t, -3.0 + 0.25 * k) for k, t in enumerate(VOCABULARY[index % 7 + 9 :][:5])),
        ),
    )


def neighbours(cosines: Floats) -> tuple[Neighbour, ...]:
    nearest = np.argsort(-cosines, kind="stable")[:5]
    return tuple(Neighbour(j, float(cosines[j])) for j in nearest.tolist() if np.isfinite(cosines[j]))


def log_edges(acts: Floats) -> Floats:
    """Nine log-spaced edges around the non-zero activations; none where there is no activation."""
    active = acts[acts > 0]
    return np.geomspace(active.min() * 0.99, active.max() * 1.01, 9) if len(active) else np.zeros(0)


def log_histogram(acts: Floats) -> LogHistogram:
    edges = log_edges(acts)
    counts = np.histogram(acts[acts > 0], edges)[0].tolist() if len(edges) else []
    return LogHistogram(tuple(edges.tolist()), tuple(counts))


def contexts(acts: Floats, partner_acts: Floats | None) -> tuple[Context, ...]:
    """The three strongest firings as `top`, then one from each fifth, strongest first."""
    n_active = int((acts > 0).sum())
    order = np.argsort(-acts, axis=None, kind="stable")[:n_active].tolist()
    picks = [("top", flat) for flat in order[:3]]
    if n_active >= 10:
        picks += [(f"q{q}", order[n_active * (5 - q) // 5 + n_active // 10]) for q in (5, 4, 3, 2, 1)]
    return tuple(make_context(kind, flat, acts, partner_acts) for kind, flat in picks)


def make_context(kind: str, flat: int, acts: Floats, partner_acts: Floats | None) -> Context:
    row, position = divmod(flat, N_POSITIONS)
    start, end = max(0, position - MARGIN), min(N_POSITIONS, position + MARGIN + 1)
    return Context(
        kind=kind,
        row=row,
        position=position,
        start=start,
        activation=float(acts[row, position]),
        activations=tuple(acts[row, start:end].tolist()),
        partner_activations=None if partner_acts is None else tuple(partner_acts[row, start:end].tolist()),
    )


def pair_detail(world: World, partner: Partner) -> PairDetail:
    narrow = world.acts["narrow"][..., partner.narrow_index]
    reference = world.acts["reference"][..., partner.index]
    both = (narrow > 0) & (reference > 0)
    x_edges, y_edges = log_edges(narrow), log_edges(reference)
    counts = np.histogram2d(narrow[both], reference[both], (x_edges, y_edges))[0].astype(int)
    strength = np.minimum(narrow / narrow.max(), reference / reference.max())
    strongest = np.argsort(-strength, axis=None, kind="stable")[: min(3, int(both.sum()))]
    return PairDetail(
        narrow_index=partner.narrow_index,
        reference_index=partner.index,
        narrow_edges=tuple(x_edges.tolist()),
        reference_edges=tuple(y_edges.tolist()),
        joint_counts=tuple(tuple(row) for row in counts.tolist()),
        contexts=tuple(pair_context(flat, narrow, reference) for flat in strongest.tolist()),
    )


def pair_context(flat: int, narrow: Floats, reference: Floats) -> PairContext:
    row, position = divmod(flat, N_POSITIONS)
    start, end = max(0, position - MARGIN), min(N_POSITIONS, position + MARGIN + 1)
    return PairContext(
        row=row,
        position=position,
        start=start,
        narrow_activations=tuple(narrow[row, start:end].tolist()),
        reference_activations=tuple(reference[row, start:end].tolist()),
    )


def pair_profile(both: Ints, cosines: Floats, i: int) -> PairProfile:
    """Every reference latent for an even `i`, the nearer half of them for an odd one."""
    n_reference = both.shape[1]
    complete = i % 2 == 0
    n_listed = n_reference if complete else max(N_PARTNERS + 1, n_reference // 2)
    listed = np.sort(np.argsort(-np.abs(cosines[i]), kind="stable")[:n_listed])
    return PairProfile(
        narrow_index=i,
        indices=tuple(listed.tolist()),
        n_both=tuple(both[i, listed].tolist()),
        decoder_cosine=tuple(as_float32(cosines[i, listed]).tolist()),
        complete=complete,
    )


def make_summary(world: World, narrow: tuple[LatentScores, ...], name: str, seed: int) -> ComparisonSummary:
    content_hash = hashlib.sha256(f"{name} {seed} {world.widths} {world.n_tokens}".encode()).hexdigest()
    scores = np.array([s.hedging_score for s in narrow if s.hedging_score is not None])
    return ComparisonSummary(
        slug=f"{name}-{content_hash[:12]}",
        name=name,
        content_hash=content_hash,
        scoring_version=SCORING_VERSION,
        created_at=CREATED_AT,
        narrow=side_summary(world, "narrow", narrow, f"{name}-narrow"),
        reference=side_summary(world, "reference", (), f"{name}-matryoshka"),
        model_name="tiny-model",
        hook_name="model.layers.1",
        text_source="tiny.txt",
        text_checksum=hashlib.sha256(repr(world.tokens).encode()).hexdigest(),
        n_tokens=world.n_tokens,
        score_quantiles={q: float(np.quantile(scores, float(q))) for q in ("0.05", "0.25", "0.5", "0.75", "0.95")},
        score_histogram=tuple(np.histogram(scores, 20, (0, 1))[0].tolist()),
        n_scored=len(scores),
        n_hedged=sum(s.diagnosis == "hedged" for s in narrow),
        null=NullSummary(
            n_directions=len(world.random_best),
            n_latents=int((world.n_firings["reference"] > 0).sum()),
            mean=float(world.random_best.mean()),
            sd=float(world.random_best.std()),
            q95=float(np.quantile(world.random_best, 0.95)),
        ),
        command=f"hedgescope compare --narrow {name}-narrow --reference {name}-matryoshka --name {name}",
        versions={"hedgescope": "0.1.0", "torch": "2.13.0"},
    )


def side_summary(world: World, side: Side, scores: tuple[LatentScores, ...], sae_name: str) -> SideSummary:
    widths = world.widths[side]
    firings = world.n_firings[side]
    return SideSummary(
        sae=make_sae_record(sae_name, d_sae=widths[-1], widths=widths if side == "reference" else None),
        l0=float(firings.sum() / world.n_tokens),
        explained_variance=0.6 + 0.1 * len(widths),
        n_dead=int((firings == 0).sum()),
        levels=tuple(
            level_summary(world, side, scores, level, start, end)
            for level, (start, end) in enumerate(pairwise((0, *widths)))
        ),
    )


def level_summary(
    world: World, side: Side, scores: tuple[LatentScores, ...], level: int, start: int, end: int
) -> LevelSummary:
    firings = world.n_firings[side][start:end]
    known = [s.hedging_score for s in scores[start:end] if s.hedging_score is not None]
    return LevelSummary(
        level=level,
        width=end,
        n_latents=end - start,
        n_dead=int((firings == 0).sum()),
        l0=float(firings.sum() / world.n_tokens),
        explained_variance=0.6 + 0.1 * (level + 1),
        mean_hedging_score=float(np.mean(known)) if known else None,
        n_hedged=sum(s.diagnosis == "hedged" for s in scores[start:end]),
    )


def make_degree(parent_checksum: str, n_latents: int, seed: int = 0) -> DegreeRecord:
    """A made-up hedging degree; the last latent has none."""
    raw = np.random.default_rng(seed).uniform(0.05, 0.4, n_latents)
    latents = [LatentDegree(i, float(x), 0.1, (float(x) - 0.1) / 0.9) for i, x in enumerate(raw[:-1])]
    return DegreeRecord(
        parent_checksum=parent_checksum,
        control_checksum="c" * 64,
        extended_checksum="e" * 64,
        data_checksum="d" * 64,
        n_latents=n_latents,
        n_new=4,
        rank=4,
        n_tokens=65_536,
        batch_size=512,
        lr=6e-4,
        training_seed=0,
        n_baselines=50,
        seed=seed,
        mean_change=0.6,
        raw=float(raw.mean()),
        baseline_mean=0.1,
        baseline_sd=0.01,
        degree=(float(raw.mean()) - 0.1) / 0.9,
        reason=None,
        command="hedgescope degree --control pair/control --extended pair/extended",
        versions={"hedgescope": "0.1.0"},
        created_at=CREATED_AT,
        latents=(
            *latents,
            LatentDegree(n_latents - 1, None, None, None, "its decoder row is zero in one of the two SAEs"),
        ),
    )

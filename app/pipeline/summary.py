"""What a comparison says as a whole."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime

import numpy as np

from app.arrays import none_if_nan
from app.catalogue import SCORING_VERSION
from app.pipeline.identity import versions
from app.pipeline.inputs import ComparisonInputs
from app.pipeline.preflight import low_note
from app.pipeline.results import Results
from app.records import (
    BySide,
    ComparisonSummary,
    LatentScores,
    LevelSummary,
    NullSummary,
    SideSummary,
)
from app.sae.load import LoadedSae
from app.scores.null import Null
from app.stats.collect import SideStatistics

QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
N_BINS = 20


def summarize(inputs: ComparisonInputs, results: Results) -> ComparisonSummary:
    """The summary of a comparison."""
    source, statistics, latents = inputs.source, results.statistics, results.records.latents
    sides = BySide.of(lambda side: side_summary(inputs.saes[side], statistics.sides[side], latents[side]))
    quantiles, histogram, n_scored = distribution_of(latents.narrow)
    geometry = results.scored.geometry
    return ComparisonSummary(
        slug=inputs.slug,
        name=inputs.name,
        content_hash=inputs.content_hash,
        scoring_version=SCORING_VERSION,
        created_at=datetime.now(UTC),
        narrow=sides.narrow,
        reference=sides.reference,
        model_name=source.language_model.name if source.language_model else None,
        hook_name=source.hook_name,
        text_source=source.name,
        text_checksum=source.checksum,
        n_tokens=statistics.co_firing.n_tokens,
        score_quantiles=quantiles,
        score_histogram=histogram,
        n_scored=n_scored,
        n_hedged=_n_hedged(latents.narrow),
        n_merged=sum(_may_be_merged(latent) for latent in latents.narrow),
        chance_level=none_if_nan(results.scored.scores.mixing.chance_level),
        null=null_summary(geometry.narrow.null, int(geometry.reference.matchable.sum())),
        command=shlex.join(replace(inputs.request, name=inputs.name).command),
        versions=versions(),
        rows=source.rules,
        notes=notes_of(inputs, sides),
        mismatch=inputs.places.mismatch,
    )


def notes_of(inputs: ComparisonInputs, sides: BySide[SideSummary]) -> tuple[str, ...]:
    """What to know before the numbers are believed: of the text, of the places read, and of each SAE."""
    of_saes = [f"{sae.record.name}: {note}" for sae in inputs.saes for note in sae.record.notes]
    low = [(side.sae.name, low_note(side.explained_variance)) for side in sides]
    said = [f"{name} {note} of these activations: does it read them?" for name, note in low if note is not None]
    return tuple(dict.fromkeys([*inputs.source.notes, *inputs.places.notes, *said, *of_saes]))


def side_summary(sae: LoadedSae, statistics: SideStatistics, latents: Sequence[LatentScores]) -> SideSummary:
    """One SAE on the comparison's tokens."""
    firing, explained = statistics.firing, statistics.explained.per_level
    return SideSummary(
        sae=sae.record,
        l0=float(firing.n_firings.sum() / firing.n_tokens),
        explained_variance=explained[-1],
        n_dead=int((firing.n_firings == 0).sum()),
        levels=tuple(_levels(sae.levels, statistics, latents)),
    )


def _levels(
    widths: Sequence[int], statistics: SideStatistics, latents: Sequence[LatentScores]
) -> Iterator[LevelSummary]:
    """Each Matryoshka level, innermost first."""
    firing, inner = statistics.firing, 0
    for level, width in enumerate(widths):
        n_firings, group = firing.n_firings[inner:width], latents[inner:width]
        scores = [latent.hedging_score for latent in group if latent.hedging_score is not None]
        yield LevelSummary(
            level=level,
            width=width,
            n_latents=width - inner,
            n_dead=int((n_firings == 0).sum()),
            l0=float(n_firings.sum() / firing.n_tokens),
            explained_variance=statistics.explained.per_level[level],
            mean_hedging_score=float(np.mean(scores)) if scores else None,
            n_hedged=_n_hedged(group),
        )
        inner = width


def _n_hedged(latents: Sequence[LatentScores]) -> int:
    return sum(latent.diagnosis == "hedged" for latent in latents)


def _may_be_merged(latent: LatentScores) -> bool:
    """Whether at least half of a hedged latent's score lies with partners on which it fires by itself."""
    score, merged = latent.hedging_score, latent.merged_mass
    return latent.diagnosis == "hedged" and score is not None and merged is not None and merged >= score / 2


def null_summary(null: Null, n_latents: int) -> NullSummary:
    """The null as pages show it."""
    best = null.best.astype(np.float64)
    return NullSummary(
        len(best), n_latents, float(best.mean()), float(best.std(ddof=1)), float(np.quantile(best, 0.95))
    )


def distribution_of(latents: Sequence[LatentScores]) -> tuple[dict[str, float], tuple[int, ...], int]:
    """(quantiles, histogram over 20 equal bins of [0, 1], number of scored latents)."""
    scores = np.array([latent.hedging_score for latent in latents if latent.hedging_score is not None], dtype=float)
    counts = tuple(np.histogram(scores, bins=N_BINS, range=(0, 1))[0].tolist())
    if not len(scores):
        return {}, counts, 0
    return {f"{q:g}": float(np.quantile(scores, q)) for q in QUANTILES}, counts, len(scores)

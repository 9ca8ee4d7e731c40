"""From results to the records that the store takes.

They are made while they are written, so that they are never all in memory.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain

from app.pipeline.results import Results
from app.pipeline.show.latents import latent_details, logits_of
from app.pipeline.show.pairs import pair_details
from app.pipeline.show.profiles import pair_profiles
from app.progress import Progress
from app.records import SIDES, ComparisonBundle, ComparisonSummary, LatentDetail, TextRow


def bundle_of(results: Results, summary: ComparisonSummary, progress: Progress) -> ComparisonBundle:
    """All records of a comparison."""
    return ComparisonBundle(
        summary=summary,
        latents=chain.from_iterable(results.records.latents),
        partners=chain.from_iterable(results.records.partners),
        details=_details(results, progress),
        pairs=pair_details(results.counts, results.shown),
        profiles=pair_profiles(results.weights, results.statistics.co_firing.n_both, results.found),
        text_rows=(TextRow(row, tokens) for row, tokens in results.tokens.items()),
    )


def _details(results: Results, progress: Progress) -> Iterator[LatentDetail]:
    """What all latents' pages show. Most of the storing is about them: they report how far it is."""
    weights, statistics = results.weights, results.statistics
    advance = progress("storing", sum(len(side.decoder) for side in weights), "latents")
    for side in SIDES:
        details = latent_details(
            side,
            results.shown.contexts[side],
            statistics.sides[side].histograms,
            results.found.geometry[side],
            logits_of(results.lens, weights[side].decoder),
        )
        for detail in details:
            yield detail
            advance(1)

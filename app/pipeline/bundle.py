"""From results to the records that the store takes.

They are made while they are written, so that they are never all in memory.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain

from app.activations.logits import logit_weights_of
from app.pipeline.results import Results
from app.pipeline.show.activations import ShownActivations
from app.pipeline.show.latents import latent_details
from app.pipeline.show.pairs import pair_details
from app.pipeline.show.profiles import pair_profiles
from app.progress import Advance, Progress
from app.records import ComparisonBundle, ComparisonSummary, LatentDetail, TextRow


def bundle_of(
    results: Results, summary: ComparisonSummary, shown: ShownActivations, progress: Progress
) -> ComparisonBundle:
    """All records of a comparison."""
    weights = results.weights
    # Most of the storing is about the details of latents: they report how far it is.
    advance = progress("storing", sum(len(side.decoder) for side in weights), "latents")
    return ComparisonBundle(
        summary=summary,
        latents=chain.from_iterable(results.records.latents),
        partners=chain.from_iterable(results.records.partners),
        text_rows=(TextRow(row, tokens) for row, tokens in results.text.tokens.items()),
        pairs=pair_details(results.counts, shown),
        details=_details(results, shown, advance),
        profiles=pair_profiles(weights, results.statistics.co_firing.n_both, results.found),
    )


def _details(results: Results, shown: ShownActivations, advance: Advance) -> Iterator[LatentDetail]:
    """What all latents' pages show."""
    for side, weights in results.weights.items():
        details = latent_details(
            side,
            shown.contexts[side],
            results.statistics.sides[side].histograms,
            results.found.geometry[side],
            logit_weights_of(results.text.lens, weights.decoder),
        )
        for detail in details:
            yield detail
            advance(1)

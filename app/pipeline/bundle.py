"""From results to the records that the store takes.

They are made while they are written, so that they are never all in memory.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain

from app.activations.logits import logit_lens, logit_weights_of
from app.activations.show_tokens import TokenShower
from app.pipeline.inputs import ComparisonInputs
from app.pipeline.results import Results
from app.pipeline.show.activations import ShownActivations
from app.pipeline.show.latents import latent_details
from app.pipeline.show.pairs import pair_details
from app.pipeline.show.profiles import pair_profiles
from app.pipeline.source import Source
from app.progress import Advance, Progress
from app.records import SIDES, ComparisonBundle, ComparisonSummary, LatentDetail, TextRow


def bundle_of(
    inputs: ComparisonInputs,
    results: Results,
    summary: ComparisonSummary,
    shown: ShownActivations,
    progress: Progress,
) -> ComparisonBundle:
    """All records of a comparison."""
    weights = results.weights
    # Most of the storing is about the details of latents: they report how far it is.
    advance = progress("storing", sum(len(side.decoder) for side in weights), "latents")
    return ComparisonBundle(
        summary=summary,
        latents=chain.from_iterable(results.records.latents),
        partners=chain.from_iterable(results.records.partners),
        pairs=pair_details(results.counts, shown),
        profiles=pair_profiles(weights, results.statistics.co_firing.n_both, results.found),
        details=_details(inputs.source, results, shown, advance),
        text_rows=(TextRow(row, tokens) for row, tokens in results.tokens.items()),
    )


def _details(source: Source, results: Results, shown: ShownActivations, advance: Advance) -> Iterator[LatentDetail]:
    """What all latents' pages show."""
    model, d_in = source.language_model, results.weights.narrow.decoder.shape[1]
    lens = None if model is None else logit_lens(model, d_in, TokenShower(source.tokenizer))
    for side in SIDES:
        details = latent_details(
            side,
            shown.contexts[side],
            results.statistics.sides[side].histograms,
            results.found.geometry[side],
            logit_weights_of(lens, results.weights[side].decoder),
        )
        for detail in details:
            yield detail
            advance(1)

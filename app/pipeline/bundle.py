"""From results to the records that the store takes.

They are made while they are written, so that they are never all in memory.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain

from app.pipeline.results import Results
from app.pipeline.show.activations import ShownActivations
from app.pipeline.show.firing_cells import firing_cells
from app.pipeline.show.latents import latent_details
from app.pipeline.show.pairs import pair_details
from app.progress import Advance, Progress
from app.records import SIDES, ComparisonBundle, ComparisonSummary, LatentDetail, LevelLink, TextRow


def bundle_of(
    results: Results,
    summary: ComparisonSummary,
    shown: ShownActivations,
    links: Iterator[LevelLink],
    progress: Progress,
) -> ComparisonBundle:
    """All records of a comparison; `links` are counted while they are stored."""
    # Most of the storing is about the details of latents: they report how far it is.
    advance = progress("storing", sum(len(side.decoder) for side in results.weights), "latents")
    return ComparisonBundle(
        summary=summary,
        latents=chain.from_iterable(results.records.latents),
        partners=chain.from_iterable(results.records.partners),
        text_rows=(TextRow(row, tokens) for row, tokens in results.text.tokens.items()),
        pairs=pair_details(results.scored.counts, shown),
        details=_details(results, shown, advance),
        profiles=results.profiles,
        cells=firing_cells(results, shown.cells),
        level_links=links,
    )


def _details(results: Results, shown: ShownActivations, advance: Advance) -> Iterator[LatentDetail]:
    """What all latents' pages show."""
    for side in SIDES:
        details = latent_details(
            side,
            shown.contexts[side],
            results.statistics.sides[side].histograms,
            results.scored.geometry[side],
            results.text.logit_weights[side],
        )
        for detail in details:
            yield detail
            advance(1)

"""What a latent's own page shows."""

from __future__ import annotations

from collections.abc import Iterator

from app.pipeline.show.contexts import ContextTable
from app.records import LatentDetail, LogitWeights, Neighbour, Side
from app.scores.cosines import Nearest
from app.scores.geometry import SideGeometry
from app.stats.histograms import HistogramTable


def latent_details(
    side: Side,
    contexts: ContextTable,
    histograms: HistogramTable,
    geometry: SideGeometry,
    logits: Iterator[LogitWeights | None],
) -> Iterator[LatentDetail]:
    """What each latent's page shows, in order."""
    by_latent = contexts.by_latent(len(geometry.same_sae.index))
    for index, (shown, weights) in enumerate(zip(by_latent, logits, strict=True)):
        yield LatentDetail(
            sae=side,
            index=index,
            same_sae=_neighbours(geometry.same_sae, index),
            other_sae=_neighbours(geometry.other_sae, index),
            contexts=shown,
            histogram=histograms.trimmed(index),
            logit_weights=weights,
        )


def _neighbours(nearest: Nearest, latent: int) -> tuple[Neighbour, ...]:
    return tuple(
        Neighbour(int(index), float(cosine))
        for index, cosine in zip(nearest.index[latent], nearest.cosine[latent], strict=True)
        if index >= 0
    )

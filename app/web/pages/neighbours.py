"""Neighbours that a latent's page names."""

from __future__ import annotations

from collections.abc import Sequence

from app.records import Neighbour, Side
from app.web.pages.contexts.common import NearLatent
from app.web.shared.latents import Latents


def near_latents(neighbours: Sequence[Neighbour], side: Side, latents: Latents) -> tuple[NearLatent, ...]:
    """Neighbours with label and diagnosis, in the same order."""
    return tuple(
        NearLatent(side, n.index, latents[n.index].label, latents[n.index].diagnosis, n.decoder_cosine)
        for n in neighbours
        if n.index in latents
    )

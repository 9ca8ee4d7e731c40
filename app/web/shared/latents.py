"""Latents and partners that a page or an answer names."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import Engine

from app.records import LatentScores, Partner, Side
from app.store.filters import Filter
from app.store.page import LatentQuery, latents_page

IN_QUERY = 500
"""Latents looked up at once."""

Latents = dict[int, LatentScores]


def latents_by_index(engine: Engine, slug: str, side: Side, indices: Iterable[int]) -> Latents:
    """The scores of some latents of one SAE."""
    wanted = sorted(set(indices))
    found: Latents = {}
    for start in range(0, len(wanted), IN_QUERY):
        some = tuple(wanted[start : start + IN_QUERY])
        query = LatentQuery(side, sort="index", filters=(Filter("index", "in", some),), limit=len(some), count="none")
        found.update({latent.index: latent for latent in latents_page(engine, slug, query).items})
    return found


@dataclass(frozen=True)
class PartnerRow:
    """A partner seen from one of its two latents: index and label are the other one's."""

    partner: Partner
    index: int
    label: str

"""The partners that a narrow latent's row of a table names: the main one, and those that are mixed in most."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from sqlalchemy import Engine

from app.records import LatentScores, Partner
from app.store.evidence import partners_of_many
from app.web.shared.latents import PartnerRow, latents_by_index

MOST_NAMED = 3
"""Named partners in a row of a table; the latent's own page has all."""


def named_partners(engine: Engine, slug: str, latents: Sequence[LatentScores]) -> dict[int, tuple[PartnerRow, ...]]:
    """Index of a narrow latent -> its main partner, then the first named ones, with their labels."""
    found = partners_of_many(engine, slug, "narrow", [latent.index for latent in latents])
    shown = {index: _shown(partners) for index, partners in found.items()}
    references = latents_by_index(engine, slug, "reference", (p.index for some in shown.values() for p in some))
    return {index: tuple(_row(p, references[p.index]) for p in some) for index, some in shown.items()}


def n_left_out(latent: LatentScores) -> int:
    """Named partners that a row leaves out."""
    return max(0, (latent.n_hedged_partners or 0) - MOST_NAMED)


def _row(partner: Partner, reference: LatentScores) -> PartnerRow:
    return PartnerRow(partner, partner.index, reference.label)


def _shown(partners: Iterable[Partner]) -> list[Partner]:
    main = [partner for partner in partners if partner.diagnosis == "main"]
    named = [partner for partner in partners if partner.diagnosis != "main" and partner.predicted_mass > 0]
    return main + sorted(named, key=lambda partner: -partner.predicted_mass)[:MOST_NAMED]

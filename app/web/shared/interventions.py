"""What pages show of the interventions on a comparison."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Engine

from app.records import InterventionSummary, LatentRelease, PairRelease, Side
from app.store.interventions import latent_releases_of, pair_releases
from app.web.shared.find import find_interventions


@dataclass(frozen=True)
class StoredIntervention:
    """An intervention and its number."""

    number: int
    summary: InterventionSummary


@dataclass(frozen=True)
class ShownReleases:
    """What the newest intervention says of one latent.

    Attributes:
        intervention: that it comes from.
        of_latent: the sum of a narrow latent; None for a reference latent, or one that never fires.
        of_pairs: the other latent's index -> the pair's release, of the pairs that are stored.
    """

    intervention: StoredIntervention
    of_latent: LatentRelease | None
    of_pairs: dict[int, PairRelease]


def stored_interventions(engine: Engine, slug: str) -> list[StoredIntervention]:
    """The interventions on a comparison, the one stored last first."""
    return [StoredIntervention(number, summary) for number, summary in find_interventions(engine, slug)]


def newest_intervention(engine: Engine, slug: str) -> StoredIntervention | None:
    """The intervention stored last; None where there is none."""
    return next(iter(stored_interventions(engine, slug)), None)


def releases_of_latent(engine: Engine, slug: str, side: Side, index: int) -> ShownReleases | None:
    """What the newest intervention says of a latent; None where there is none."""
    newest = newest_intervention(engine, slug)
    if newest is None:
        return None
    if side == "reference":
        pairs = pair_releases(engine, newest.number, reference=index)
        return ShownReleases(newest, None, {pair.narrow_index: pair for pair in pairs})
    pairs = pair_releases(engine, newest.number, narrow=index)
    own = latent_releases_of(engine, newest.number, [index])
    return ShownReleases(newest, next(iter(own), None), {pair.reference_index: pair for pair in pairs})


def release_of_pair(engine: Engine, slug: str, i: int, j: int) -> tuple[StoredIntervention, PairRelease] | None:
    """The newest intervention, and what it says of a pair; None where it says nothing."""
    newest = newest_intervention(engine, slug)
    if newest is None:
        return None
    found = pair_releases(engine, newest.number, narrow=i, reference=j)
    return (newest, found[0]) if found else None

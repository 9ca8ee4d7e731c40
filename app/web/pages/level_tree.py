"""The family tree on the page of levels: which links it shows, and where its choices lead."""

from __future__ import annotations

from app.errors import QueryError
from app.records import Side
from app.store import read
from app.store.read_levels import LevelPairCount, count_links, links_between, links_of
from app.web.http import links
from app.web.pages.contexts.levels import FamilyTree, LevelChoice
from app.web.pages.params import Params
from app.web.pages.respond import Visit
from app.web.shared.figures.level_tree import tree_svg
from app.web.shared.latents import latents_by_index
from app.web.shared.level_tree import why_no_links

OWN = ("sae", "parents", "children", "latent", "limit")
LIMIT, MOST = 50, 1000
DRAWN = 20
"""Links in the picture."""


def family_tree(visit: Visit, params: Params) -> FamilyTree:
    """The tree that the address names: between two levels, or around a latent; by default the two innermost."""
    side = _side(visit, params)
    limit = params.whole("limit", LIMIT, 1, MOST)
    counts = count_links(visit.engine, visit.slug, side)
    levels = _levels(params, counts)
    latent = _latent(visit, params, side)
    if latent is not None:
        found = links_of(visit.engine, visit.slug, side, latent, limit=limit + 1)
    else:
        found = links_between(visit.engine, visit.slug, side, levels, limit=limit + 1)
    shown = found[:limit]
    named = {index for link in shown for index in (link.child, link.parent)}
    labels = {i: each.label for i, each in latents_by_index(visit.engine, visit.slug, side, named).items()}
    drawn = shown[:DRAWN]
    kept = params.kept("sae", "parents", "children", "latent")
    return FamilyTree(
        sae=side,
        choices=tuple(_choice(visit, side, count, None if latent is not None else levels) for count in counts),
        latent=latent,
        links=tuple(shown),
        labels=labels,
        drawing=tree_svg(drawn, labels, lambda i: links.latent(visit.slug, side, i)) if drawn else None,
        n_drawn=len(drawn),
        more_url=links.levels(visit.slug, (*kept, ("limit", str(MOST)))) if limit < min(len(found), MOST) else None,
        reason=None if counts else why_no_links(visit.summary, side),
    )


def _side(visit: Visit, params: Params) -> Side:
    """The SAE that the address names; else the reference, unless only the narrow one has several levels."""
    if "sae" in params.own:
        return params.side()
    narrow, reference = visit.summary.narrow.levels, visit.summary.reference.levels
    return "narrow" if len(narrow) > 1 and len(reference) == 1 else "reference"


def _levels(params: Params, counts: list[LevelPairCount]) -> tuple[int, int]:
    """(parents' level, children's)."""
    if ("parents" in params.own) != ("children" in params.own):
        raise QueryError("one of parents and children is missing; give both levels", parameter="parents")
    if "parents" in params.own:
        return params.whole("parents", 0, 0, MOST), params.whole("children", 1, 0, MOST)
    return next(((each.parent_level, each.child_level) for each in counts), (0, 1))


def _latent(visit: Visit, params: Params, side: Side) -> int | None:
    """The latent that the address names. Raises NotFoundError where the SAE has none of that index."""
    if "latent" not in params.own:
        return None
    index = params.whole("latent", 0, 0, 10**9)
    return read.get_latent(visit.engine, visit.slug, side, index).index


def _choice(visit: Visit, side: Side, count: LevelPairCount, current: tuple[int, int] | None) -> LevelChoice:
    query = (("sae", side), ("parents", str(count.parent_level)), ("children", str(count.child_level)))
    return LevelChoice(count, links.levels(visit.slug, query), (count.parent_level, count.child_level) == current)

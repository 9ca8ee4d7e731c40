"""`/comparisons/{slug}/tree`: parents and children between the Matryoshka levels of one SAE."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Depends, Query
from starlette.requests import Request
from starlette.responses import Response

from app.errors import QueryError
from app.records import LevelLink, Side
from app.store.lookup import MAX_INDEX
from app.store.read_levels import LevelPairCount, count_links, links_between, links_of
from app.web.api.routes import get, json_response
from app.web.http.caching import immutable
from app.web.http.deps import EngineDep
from app.web.http.params import check_parameters
from app.web.shared.find import ComparisonDep
from app.web.shared.level_tree import why_no_links

router = APIRouter(tags=["Comparisons"])

OWN = ("sae", "parent_level", "child_level", "latent", "limit", "offset")

Sae = Annotated[Side, Query(description="Whose levels.")]
Level = Annotated[int | None, Query(ge=0, le=MAX_INDEX, description="Level of parents or children; both are needed.")]
Latent = Annotated[int | None, Query(ge=0, le=MAX_INDEX, description="Parents and children of this latent instead.")]
Limit = Annotated[int, Query(ge=1, le=1000, description="Most links.")]
Offset = Annotated[int, Query(ge=0, le=MAX_INDEX, description="Links to leave out.")]


@dataclass(frozen=True)
class Tree:
    """Which latents of inner levels stand behind those of outer ones.

    Attributes:
        slug: of the comparison.
        sae: whose latents.
        levels: every two levels between which there are links.
        items: links of the requested levels or latent; of the first two levels that have links, if none were requested.
        next_offset: of the next page; null on the last one.
        reason: why there are none at all; null where there are.
    """

    slug: str
    sae: Side
    levels: tuple[LevelPairCount, ...]
    items: tuple[LevelLink, ...]
    next_offset: int | None
    reason: str | None


async def _known_parameters(request: Request) -> None:
    check_parameters(request, OWN)


@get(router, "/comparisons/{slug}/tree", Tree, problems=(400, 404), checks=(Depends(_known_parameters),))
def get_tree(
    request: Request,
    engine: EngineDep,
    comparison: ComparisonDep,
    sae: Sae = "reference",
    parent_level: Level = None,
    child_level: Level = None,
    latent: Latent = None,
    limit: Limit = 100,
    offset: Offset = 0,
) -> Response:
    """Parents and children between the levels of an SAE; those that explain most of their parent first."""
    if (parent_level is None) != (child_level is None):
        raise QueryError("one of parent_level and child_level is missing; give both", parameter="parent_level")
    levels = None if parent_level is None or child_level is None else (parent_level, child_level)

    def build() -> Response:
        counts = count_links(engine, comparison.slug, sae)
        if latent is not None:
            found = links_of(engine, comparison.slug, sae, latent, limit=limit + 1, offset=offset)
        else:
            first = levels or next(((each.parent_level, each.child_level) for each in counts), (0, 1))
            found = links_between(engine, comparison.slug, sae, first, limit=limit + 1, offset=offset)
        more = offset + limit if len(found) > limit else None
        reason = None if counts else why_no_links(comparison, sae)
        return json_response(Tree(comparison.slug, sae, tuple(counts), tuple(found[:limit]), more, reason))

    return immutable(request, build, comparison.content_hash)

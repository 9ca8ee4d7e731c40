"""Where in the table a page of latents stands: its first latent's rank, and the pages before and after it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from sqlalchemy import Engine

from app.errors import QueryError
from app.records import LatentScores
from app.store import read
from app.store.page import LatentQuery
from app.web.pages.params import Pairs, Params

LARGEST = 10_000_000
FARTHEST_BACK = 20_000
"""Latents that are stepped over to find a page that has no cursor, as the page before this one has none."""


@dataclass(frozen=True)
class TablePage:
    """A page of the table.

    Attributes:
        start: latents before it.
        total: latents that the filters leave; None where there are too many to count.
        previous, next: parameters of the pages before and after it; None on the first and the last.
    """

    items: tuple[LatentScores, ...]
    start: int
    total: int | None
    previous: Pairs | None
    next: Pairs | None


def table_page(engine: Engine, slug: str, query: LatentQuery, params: Params) -> TablePage:
    """The page that `start` and `cursor` lead to; a `start` alone is counted from the first latent.

    Raises:
        QueryError: the store refuses the query, or there is no such page.
    """
    start = params.whole("start", 0, 0, LARGEST)
    cursor = params.own.get("cursor") or _cursor_at(engine, slug, query, start)
    found = read.latents_page(engine, slug, replace(query, cursor=cursor))
    total = found.total
    if cursor is not None:
        total = read.latents_page(engine, slug, replace(query, limit=1)).total
    before = max(0, start - query.limit)
    return TablePage(
        items=tuple(found.items),
        start=start,
        total=total,
        previous=_pairs(before) if start > 0 and before <= FARTHEST_BACK else None,
        next=None if found.next is None else (*_pairs(start + len(found.items)), ("cursor", found.next)),
    )


def _cursor_at(engine: Engine, slug: str, query: LatentQuery, start: int) -> str | None:
    """The cursor that leads past the first latents."""
    if start == 0:
        return None
    if start > FARTHEST_BACK:
        message = f"start is {start} without a cursor; expected at most {FARTHEST_BACK}: follow the pages, or filter"
        raise QueryError(message, parameter="start")
    cursor = read.latents_page(engine, slug, replace(query, limit=start, count="none")).next
    if cursor is None:
        raise QueryError(f"start is {start}; expected fewer than the latents that the filters leave", parameter="start")
    return cursor


def _pairs(start: int) -> Pairs:
    return (("start", str(start)),) if start else ()


def place_in_words(page: TablePage, number: Callable[[int], str]) -> str:
    """Which latents the page has: `101–200 of 512 latents`."""
    if page.total is not None and len(page.items) == page.total:
        return f"{number(page.total)} {'latent' if page.total == 1 else 'latents'}"
    span = f"{number(page.start + 1)}–{number(page.start + len(page.items))}"
    return f"{span} of {number(page.total)} latents" if page.total is not None else f"Latents {span}"

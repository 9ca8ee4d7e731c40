"""Facets: the values of a field with few of them, with counts, each a link to the latents that have it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from app.catalogue import LATENT_FIELDS
from app.records import Side
from app.store import read
from app.store.counts import FacetValue as Counted
from app.store.page import LatentQuery
from app.web.pages.contexts.common import Facet, FacetValue
from app.web.pages.params import Pairs
from app.web.pages.respond import Visit

FACET_FIELDS: Mapping[Side, tuple[str, ...]] = {"narrow": ("diagnosis", "level"), "reference": ("level",)}


MOST_COUNTED = 200_000
"""Latents that are counted for a filtered view: about 0.2 s. Counts of all latents are kept with the comparison."""


def facets(visit: Visit, query: LatentQuery, filters: Pairs, url_of: Callable[[str, Pairs], str]) -> tuple[Facet, ...]:
    """The facets of a filtered view; a field with one value for all latents says nothing and is left out.

    So is one that would have to be counted over too many latents.

    Args:
        query: the search and the filters in force.
        filters: the same filters as parameters.
        url_of: the page with another search and other filters.
    """
    n = read.n_latents(visit.engine, visit.slug, query.side)
    names = (name for name in FACET_FIELDS[query.side] if n <= MOST_COUNTED or not _is_filtered(_without(name, query)))
    found = (_facet(visit, query, filters, name, url_of) for name in names)
    return tuple(facet for facet in found if len(facet.values) > 1 or any(one.chosen for one in facet.values))


def _facet(visit: Visit, query: LatentQuery, filters: Pairs, name: str, url_of: Callable[[str, Pairs], str]) -> Facet:
    """Counts without the field's own filters, so that another value can be chosen instead."""
    others = tuple(pair for pair in filters if pair[0].partition("__")[0] != name)
    bare = _without(name, query)
    counted = read.facets_of(visit.engine, visit.slug, bare, (name,))[name]
    values = tuple(_value(each, name, filters, others, lambda kept: url_of(query.q or "", kept)) for each in counted)
    return Facet(name, LATENT_FIELDS[name].title, values)


def _without(name: str, query: LatentQuery) -> LatentQuery:
    return replace(query, filters=tuple(filter_ for filter_ in query.filters if filter_.field != name))


def _is_filtered(query: LatentQuery) -> bool:
    return bool(query.filters or (query.q or "").strip())


def _value(each: Counted, name: str, filters: Pairs, others: Pairs, url_of: Callable[[Pairs], str]) -> FacetValue:
    pair = (f"{name}__isnull", "1") if each.value is None else (name, str(each.value))
    chosen = pair in filters
    text = "undefined" if each.value is None else str(each.value)
    url = url_of(others if chosen else (*others, pair))
    return FacetValue(text, each.count, url, chosen, each.value is None)

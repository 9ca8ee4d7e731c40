"""Filters as a page shows them: the inputs of its form, and chips for those in force."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from app.catalogue import LATENT_FIELDS
from app.records import ComparisonSummary, Side
from app.records.sides import SIDES
from app.store.filters import CHOICES, FILTER_FIELDS, OPS
from app.store.lasso import INSIDE
from app.web.pages.contexts.common import FilterChip, FilterField
from app.web.pages.params import Pairs

INPUTS: Mapping[Side, tuple[str, ...]] = {
    "narrow": (
        "hedging_score__gte",
        "hedging_score__lte",
        "diagnosis",
        "density__gte",
        "density__lte",
        "n_firings__gte",
        "level",
    ),
    "reference": ("max_jaccard__gte", "density__gte", "density__lte", "n_firings__gte", "level"),
}
"""Filters that have an input in the forms; all others work in the URL."""


COMMON = tuple(name for name in FILTER_FIELDS if all(LATENT_FIELDS[name].is_of(side) for side in SIDES))
"""Fields that latents of both SAEs have: their filters are kept where one changes from one SAE to the other."""


def common_filters(filters: Pairs) -> Pairs:
    """Those of the filters that make sense for latents of either SAE."""
    return tuple(pair for pair in filters if pair[0].partition("__")[0] in COMMON)


def filter_fields(summary: ComparisonSummary, side: Side, filters: Pairs) -> tuple[FilterField, ...]:
    """The inputs of a filter form, filled in as the URL says."""
    values = dict(filters)
    levels = (summary.narrow if side == "narrow" else summary.reference).levels
    names = (name for name in INPUTS[side] if name != "level" or len(levels) > 1)
    return tuple(_field(name, values.get(name, ""), len(levels)) for name in names)


def other_filters(side: Side, filters: Pairs) -> Pairs:
    """The filters in force that no input of the form holds."""
    return tuple(pair for pair in filters if pair[0] not in INPUTS[side])


def chips(filters: Pairs, url_of: Callable[[Pairs], str]) -> tuple[FilterChip, ...]:
    """The filters in force, each with the page's URL without it."""
    return tuple(
        FilterChip(in_words(name, value), url_of((*filters[:place], *filters[place + 1 :])))
        for place, (name, value) in enumerate(filters)
    )


def all_chips(q: str, filters: Pairs, url_of: Callable[[str, Pairs], str]) -> tuple[FilterChip, ...]:
    """The search and the filters in force, each with the page's URL without it."""
    search = (FilterChip(f"Search: {q}", url_of("", filters)),) if q else ()
    return (*search, *chips(filters, lambda kept: url_of(q, kept)))


def in_words(name: str, value: str) -> str:
    """A filter as people say it: `Hedging score ≥ 0.5`."""
    field, _, op = name.partition("__")
    title = LATENT_FIELDS[field].title
    if op == "isnull":
        return f"{title} {'undefined' if value == '1' else 'defined'}"
    if op == INSIDE:
        other, *numbers = value.split(",")
        return f"{title} and {LATENT_FIELDS[other].title} in a lasso of {len(numbers) // 2} corners"
    return f"{title} {OPS[op or 'eq'].sign} {value.replace(',', ', ')}"


def _field(name: str, value: str, n_levels: int) -> FilterField:
    field, _, op = name.partition("__")
    spec = LATENT_FIELDS[field]
    label = f"{spec.title} {OPS[op].sign}" if op else spec.title
    if field == "level":
        return FilterField(name, label, "choice", value, options=tuple(map(str, range(n_levels))))
    if field in CHOICES:
        return FilterField(name, label, "choice", value, options=CHOICES[field])
    return FilterField(name, label, "number", value, step="1" if spec.kind == "integer" else "any")

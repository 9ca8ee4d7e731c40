"""Filters against the same conditions in plain Python; what is wrong is refused by name."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine

from app.catalogue import LATENT_FIELDS
from app.errors import QueryError
from app.records import ComparisonBundle, LatentScores, Side
from app.store.filters import CHOICES, FILTER_FIELDS, MAX_FILTERS, OPS, TEXT_OPS, Filter, parse_filters
from app.store.page import LatentQuery, latents_page
from tests.builders import VOCABULARY, make_bundle

ORACLES: dict[str, Callable[[Any, Any], bool]] = {
    "eq": operator.eq,
    "ne": operator.ne,
    "gt": lambda found, value: found is not None and found > value,
    "gte": lambda found, value: found is not None and found >= value,
    "lt": lambda found, value: found is not None and found < value,
    "lte": lambda found, value: found is not None and found <= value,
    "in": lambda found, value: found in value,
    "isnull": lambda found, value: (found is None) == value,
}


def scalar_texts(field: str) -> st.SearchStrategy[str]:
    """Values as a person writes them: some that latents have, some that none has."""
    if field in CHOICES:
        return st.sampled_from(CHOICES[field])
    present = sorted({str(getattr(x, field)) for x in make_bundle().latents if getattr(x, field) is not None})
    others = st.integers(-5, 70).map(str) if LATENT_FIELDS[field].kind == "integer" else st.floats(-1, 8).map(str)
    return st.sampled_from(present) | others


@st.composite
def params(draw: st.DrawFn) -> tuple[str, str]:
    field = draw(st.sampled_from(FILTER_FIELDS))
    op = draw(st.sampled_from([name for name, op in OPS.items() if LATENT_FIELDS[field].kind in op.kinds]))
    if op == "isnull":
        return f"{field}__isnull", draw(st.sampled_from(["0", "1"]))
    if op == "in":
        return f"{field}__in", ",".join(draw(st.lists(scalar_texts(field), min_size=1, max_size=4)))
    return field if op == "eq" and draw(st.booleans()) else f"{field}__{op}", draw(scalar_texts(field))


def holds(filter_: Filter, latent: LatentScores) -> bool:
    return ORACLES[filter_.op](getattr(latent, filter_.field), filter_.value)


def found_indices(engine: Engine, slug: str, query: LatentQuery) -> list[int]:
    return [latent.index for latent in latents_page(engine, slug, query).items]


@settings(max_examples=150, deadline=None)
@given(written=st.lists(params(), min_size=1, max_size=3), side=st.sampled_from(["narrow", "reference"]))
def test_filters_do_what_plain_python_does(
    readable: Engine, bundle: ComparisonBundle, written: list[tuple[str, str]], side: Side
) -> None:
    filters = parse_filters(written)
    expected = [x.index for x in bundle.latents if x.sae == side and all(holds(filter_, x) for filter_ in filters)]

    assert found_indices(readable, bundle.summary.slug, LatentQuery(side, "index", filters)) == expected


def test_every_operation_has_an_oracle() -> None:
    assert set(ORACLES) == set(OPS)


def test_parsed_values_have_the_fields_types() -> None:
    written = [
        ("level", "2"),
        ("hedging_score__gte", "0.5"),
        ("diagnosis__in", "hedged, novel,hedged"),
        ("c_dec__isnull", "0"),
        ("density__lt", "1e-2"),
    ]
    assert parse_filters(written) == (
        Filter("level", "eq", 2),
        Filter("hedging_score", "gte", 0.5),
        Filter("diagnosis", "in", ("hedged", "novel")),
        Filter("c_dec", "isnull", False),
        Filter("density", "lt", 0.01),
    )
    assert parse_filters([("level", "2"), ("level__eq", "2")]) == (Filter("level", "eq", 2),)
    assert parse_filters([]) == ()


@pytest.mark.parametrize(
    ("parameter", "text", "message", "valid"),
    [
        ("nope", "1", "unknown parameter 'nope'", FILTER_FIELDS),
        ("label", "1", "unknown parameter 'label'", FILTER_FIELDS),
        ("label__gt", "1", "unknown operation 'gt' in 'label__gt'; label takes contains", tuple(TEXT_OPS)),
        ("label__contains", "", "label__contains has 0 characters", ()),
        ("label__contains", "x" * 201, "label__contains has 201 characters", ()),
        ("main_partner", "1", "unknown parameter", FILTER_FIELDS),
        ("__gte", "1", "unknown parameter", FILTER_FIELDS),
        ("", "1", "unknown parameter", FILTER_FIELDS),
        ("density__like", "1", "unknown operation 'like'", tuple(OPS)),
        ("density__gte__lte", "1", "unknown operation 'gte__lte'", tuple(OPS)),
        ("diagnosis__gt", "hedged", "unknown operation 'gt'", ("eq", "ne", "in", "isnull")),
        ("diagnosis", "bad", "diagnosis is 'bad'; expected clean, hedged", CHOICES["diagnosis"]),
        ("diagnosis__in", "hedged,", "diagnosis__in is ''", CHOICES["diagnosis"]),
        ("density", "much", "density is 'much'; expected a finite number", ()),
        ("density__gt", "nan", "expected a finite number", ()),
        ("density__gt", "-inf", "expected a finite number", ()),
        ("density", "", "expected a finite number", ()),
        ("level", "1.0", "level is '1.0'; expected a whole number", ()),
        ("level", "1_0", "expected a whole number", ()),
        ("level", "٣", "expected a whole number", ()),
        ("n_firings__gt", "9" * 40, "expected a whole number", ()),
        ("level__isnull", "yes", "expected 0 or 1", ("0", "1")),
        ("index__in", ",".join(map(str, range(501))), "lists 501 values; at most 500", ()),
    ],
)
def test_what_is_wrong_is_named(parameter: str, text: str, message: str, valid: tuple[str, ...]) -> None:
    with pytest.raises(QueryError, match=message) as caught:
        parse_filters([(parameter, text)])
    assert caught.value.parameter == parameter
    assert caught.value.valid == valid


def test_too_many_filters_are_refused() -> None:
    with pytest.raises(QueryError, match="at most 50"):
        parse_filters([("density__gt", str(n)) for n in range(MAX_FILTERS + 1)])


def test_as_many_filters_as_allowed_work(readable: Engine, bundle: ComparisonBundle) -> None:
    filters = parse_filters([("index__lt", str(100 + n)) for n in range(MAX_FILTERS)])
    assert len(found_indices(readable, bundle.summary.slug, LatentQuery("narrow", filters=filters))) == 24


@pytest.mark.parametrize("q", [*VOCABULARY, "CAT", "strasse", "STRASSE", "NAÏVE", "\\", "script>  the", "cat sat"])
def test_search_finds_labels_in_any_case(readable: Engine, bundle: ComparisonBundle, q: str) -> None:
    text = q.strip().replace("\x00", "␀").casefold()
    found = found_indices(readable, bundle.summary.slug, LatentQuery("reference", "index", q=q))
    labels = {x.index: x.label.casefold() for x in bundle.latents if x.sae == "reference"}
    # A leading space stands for a whole token.
    assert found == [
        i
        for i, label in labels.items()
        if (text in label.split(" ") if q.strip() and q.startswith(" ") else text in label)
    ]


def test_search_finds_something_and_not_everything(readable: Engine, bundle: ComparisonBundle) -> None:
    for q in ("CAT", "%", "_", "strasse", "<script>"):
        assert 0 < len(found_indices(readable, bundle.summary.slug, LatentQuery("reference", q=q))) < 60, q


@pytest.mark.parametrize(
    ("q", "expected"), [("7", [7]), ("#7", [7]), (" 07 ", [7]), ("24", []), ("#24", []), ("9" * 30, []), ("²", [])]
)
def test_a_number_finds_the_latent(readable: Engine, bundle: ComparisonBundle, q: str, expected: list[int]) -> None:
    assert found_indices(readable, bundle.summary.slug, LatentQuery("narrow", q=q)) == expected


def test_empty_search_finds_all(readable: Engine, bundle: ComparisonBundle) -> None:
    for q in ("", "  ", None):
        assert latents_page(readable, bundle.summary.slug, LatentQuery("narrow", q=q)).total == 24


def test_overlong_search_is_refused(readable: Engine, bundle: ComparisonBundle) -> None:
    with pytest.raises(QueryError, match="at most 200") as caught:
        latents_page(readable, bundle.summary.slug, LatentQuery("narrow", q="x" * 60_000))
    assert caught.value.parameter == "q"

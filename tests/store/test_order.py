"""Several sort fields, and what is found first and sorted in memory, against plain Python."""

from __future__ import annotations

from dataclasses import replace
from functools import reduce
from itertools import pairwise

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine

from app.errors import QueryError
from app.records import ComparisonBundle, LatentScores, Side
from app.store.cursors import SORT_FIELDS, parse_order
from app.store.filters import parse_filters
from app.store.narrowing import FEW, few_latents
from app.store.page import LatentQuery, latents_page, row_page
from app.store.session import reading

pytestmark = pytest.mark.slow

SIDES = st.sampled_from(["narrow", "reference"])
WAYS = [0, FEW]
"""Most latents that are sorted in memory: none of the matches, or all."""

ORDERS = st.lists(st.sampled_from(SORT_FIELDS), min_size=1, max_size=3, unique=True).flatmap(
    lambda fields: st.tuples(*[st.sampled_from([field, f"-{field}"]) for field in fields]).map(",".join)
)


def sorted_by(latents: list[LatentScores], order: str) -> list[LatentScores]:
    """By the last field first, since sorting keeps the order of what is equal."""
    return reduce(by_field, reversed(order.split(",")), sorted(latents, key=lambda x: x.index))


def by_field(latents: list[LatentScores], text: str) -> list[LatentScores]:
    field = text.removeprefix("-")
    known = [x for x in latents if getattr(x, field) is not None]
    known.sort(key=lambda x: getattr(x, field), reverse=text.startswith("-"))
    return known + [x for x in latents if getattr(x, field) is None]


def pages_of(engine: Engine, slug: str, query: LatentQuery) -> list[LatentScores]:
    found, cursor = [], None
    while True:
        page = latents_page(engine, slug, replace(query, cursor=cursor))
        found += page.items
        cursor = page.next
        if cursor is None:
            return found


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(order=ORDERS, side=SIDES, limit=st.integers(3, 30))
def test_pages_follow_several_fields(
    readable: Engine, bundle: ComparisonBundle, order: str, side: Side, limit: int
) -> None:
    expected = sorted_by([x for x in bundle.latents if x.sae == side], order)
    assert pages_of(readable, bundle.summary.slug, LatentQuery(side, order, limit=limit)) == expected


@pytest.mark.parametrize("few", WAYS)
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(order=ORDERS, bound=st.floats(0, 1))
def test_filtered_pages_are_the_same_however_they_are_found(
    readable: Engine, bundle: ComparisonBundle, monkeypatch: pytest.MonkeyPatch, few: int, order: str, bound: float
) -> None:
    monkeypatch.setattr("app.store.narrowing.FEW", few)
    query = LatentQuery("reference", order, parse_filters([("max_jaccard__gte", str(bound))]), limit=7)
    matches = [x for x in bundle.latents if x.sae == "reference" and (x.max_jaccard or -1) >= bound]
    assert pages_of(readable, bundle.summary.slug, query) == sorted_by(matches, order)
    assert latents_page(readable, bundle.summary.slug, query).total == len(matches)


@pytest.mark.parametrize("few", WAYS)
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(order=ORDERS, limit=st.integers(1, 25), is_filtered=st.booleans())
def test_the_page_before_leads_back(
    readable: Engine,
    bundle: ComparisonBundle,
    monkeypatch: pytest.MonkeyPatch,
    few: int,
    order: str,
    limit: int,
    is_filtered: bool,
) -> None:
    monkeypatch.setattr("app.store.narrowing.FEW", few)
    filters = parse_filters([("max_jaccard__gte", "0.1")] if is_filtered else [])
    query = LatentQuery("reference", order, filters, limit=limit, backwards=True)
    slug = bundle.summary.slug
    pages = [row_page(readable, slug, query)]
    while pages[-1].next:
        pages.append(row_page(readable, slug, replace(query, cursor=pages[-1].next)))
    assert pages[0].previous is None
    for before, page in pairwise(pages):
        assert page.previous is not None
        assert row_page(readable, slug, replace(query, cursor=page.previous or None)).rows == before.rows


@pytest.mark.parametrize(
    "text", ["density,density", "density,-density", "level,density,c_dec,n_firings,index", "a,b", ","]
)
def test_other_orders_are_refused(text: str) -> None:
    with pytest.raises(QueryError) as caught:
        parse_order(text)
    assert caught.value.parameter == "sort"


def test_nothing_is_sorted_behind_an_index() -> None:
    assert [sort.field for sort in parse_order("-level,index,density")] == ["level", "index"]


@pytest.mark.parametrize("few", WAYS)
@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
@pytest.mark.parametrize("op", ["contains", "startswith", "endswith"])
def test_labels_are_searched_as_plain_python_does(
    readable: Engine, bundle: ComparisonBundle, monkeypatch: pytest.MonkeyPatch, few: int, op: str, data: st.DataObject
) -> None:
    monkeypatch.setattr("app.store.narrowing.FEW", few)
    of_side = [x for x in bundle.latents if x.sae == "reference"]
    label = data.draw(st.sampled_from([x.label for x in of_side if x.label]))
    start = data.draw(st.integers(0, len(label) - 1))
    part = data.draw(st.sampled_from([label[start : start + 1], label[start : start + 2], label[start : start + 6]]))
    test = {"contains": str.__contains__, "startswith": str.startswith, "endswith": str.endswith}[op]
    expected = [x.index for x in of_side if test(x.label.casefold(), part.casefold())]
    query = LatentQuery("reference", "index", parse_filters([(f"label__{op}", part)]), limit=100)
    assert [x.index for x in latents_page(readable, bundle.summary.slug, query).items] == expected


def test_a_search_of_three_characters_reads_an_index(engine: Engine) -> None:
    """On SQLite; PostgreSQL has one where its server offers the extension."""
    if engine.dialect.name == "sqlite":
        sql = "SELECT rowid FROM label_search WHERE label MATCH '\"cat\"' AND rowid BETWEEN 1 AND 2"
        with reading(engine) as connection:
            plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {sql}").all()
        assert "VIRTUAL TABLE INDEX" in plan[0][-1]
    with reading(engine) as connection:
        assert few_latents(connection, (1, "narrow"), (), "cat", parse_order("index")) == []

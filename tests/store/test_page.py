"""Pages of latents against plain Python sorting; how the database reads them."""

from __future__ import annotations

import base64
from dataclasses import replace
from typing import Any

import orjson
import pytest
from sqlalchemy import Engine

from app.catalogue import LATENT_FIELDS, LATENT_SPECS
from app.errors import QueryError
from app.records import ComparisonBundle, LatentScores, Side
from app.store.cursors import SORT_FIELDS, Place, parse_sort
from app.store.filters import Filter, parse_filters
from app.store.order import binds, segments
from app.store.page import LatentList, LatentQuery, iter_latents, latents_page
from app.store.session import reading
from app.store.tables import latent_column
from tests.store.plans import assert_one_range_of_one_index

SORTS = [sign + field for field in SORT_FIELDS for sign in ("", "-")]


def in_order(bundle: ComparisonBundle, side: Side, sort: str) -> list[LatentScores]:
    """The latents of a side as `sort` means it: undefined values last, ties by index."""
    field = sort.removeprefix("-")
    of_side = sorted((x for x in bundle.latents if x.sae == side), key=lambda x: x.index)
    known = [x for x in of_side if getattr(x, field) is not None]
    known.sort(key=lambda x: getattr(x, field), reverse=sort.startswith("-"))
    return known + [x for x in of_side if getattr(x, field) is None]


def all_pages(engine: Engine, slug: str, query: LatentQuery) -> list[LatentList]:
    pages = [latents_page(engine, slug, query)]
    while pages[-1].next:
        pages.append(latents_page(engine, slug, replace(query, cursor=pages[-1].next)))
    return pages


def test_every_sortable_field_of_the_catalogue_sorts() -> None:
    assert set(SORT_FIELDS) == {spec.name for spec in LATENT_SPECS if spec.sortable}


@pytest.mark.parametrize("sort", SORTS)
@pytest.mark.parametrize(("side", "n", "limit"), [("narrow", 24, 7), ("reference", 60, 20)])
def test_pages_hold_every_latent_once_in_order(
    readable: Engine, bundle: ComparisonBundle, side: Side, n: int, limit: int, sort: str
) -> None:
    pages = all_pages(readable, bundle.summary.slug, LatentQuery(side, sort, limit=limit))

    assert [latent for page in pages for latent in page.items] == in_order(bundle, side, sort)
    assert [len(page.items) for page in pages] == [min(limit, n - start) for start in range(0, n, limit)]
    assert [page.total for page in pages] == [n] + [None] * (len(pages) - 1)


def test_pages_of_one_latent(readable: Engine, bundle: ComparisonBundle) -> None:
    for sort in ("-level", "max_decoder_cosine", "-n_hedged_partners"):
        pages = all_pages(readable, bundle.summary.slug, LatentQuery("narrow", sort, limit=1))
        assert [page.items[0] for page in pages] == in_order(bundle, "narrow", sort)


def test_filtered_pages_and_their_total(readable: Engine, bundle: ComparisonBundle) -> None:
    filters = parse_filters([("level", "1"), ("hedging_score__isnull", "1")])
    query = LatentQuery("reference", "-density", filters, limit=10)
    expected = [x for x in in_order(bundle, "reference", "-density") if x.level == 1 and x.hedging_score is None]

    pages = all_pages(readable, bundle.summary.slug, query)
    assert [latent for page in pages for latent in page.items] == expected
    assert pages[0].total == len(expected) > 10


def test_no_match_is_an_empty_page(readable: Engine, bundle: ComparisonBundle) -> None:
    query = LatentQuery("narrow", filters=(Filter("level", "gt", 5),))
    assert latents_page(readable, bundle.summary.slug, query) == LatentList([], None, 0)


def test_iterating_ignores_the_page_size(
    readable: Engine, bundle: ComparisonBundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.store.page.BLOCK", 11)
    found = list(iter_latents(readable, bundle.summary.slug, LatentQuery("reference", "-max_jaccard", limit=2)))
    assert found == in_order(bundle, "reference", "-max_jaccard")


def test_iterating_refuses_before_the_first_latent(readable: Engine, bundle: ComparisonBundle) -> None:
    with pytest.raises(QueryError):
        iter_latents(readable, bundle.summary.slug, LatentQuery("narrow", sort="nope"))


@pytest.mark.parametrize("sort", ["nope", "--density", "label", "-sae", "main_partner", "", "-", "latent_index"])
def test_unknown_sort_lists_the_fields(readable: Engine, bundle: ComparisonBundle, sort: str) -> None:
    with pytest.raises(QueryError, match="can't sort by") as caught:
        latents_page(readable, bundle.summary.slug, LatentQuery("narrow", sort))
    assert caught.value.parameter == "sort"
    assert caught.value.valid == SORT_FIELDS


@pytest.mark.parametrize("limit", [0, -3])
def test_a_page_holds_at_least_one(readable: Engine, bundle: ComparisonBundle, limit: int) -> None:
    with pytest.raises(QueryError, match="expected at least 1") as caught:
        latents_page(readable, bundle.summary.slug, LatentQuery("narrow", limit=limit))
    assert caught.value.parameter == "limit"


def test_a_cursor_belongs_to_its_query(readable: Engine, bundle: ComparisonBundle) -> None:
    slug = bundle.summary.slug
    query = LatentQuery("narrow", limit=5)
    query = replace(query, cursor=latents_page(readable, slug, query).next)
    assert latents_page(readable, slug, replace(query, limit=3)).items

    others = (
        replace(query, sort="hedging_score"),
        replace(query, sort="-density"),
        replace(query, side="reference"),
        replace(query, q="cat"),
        replace(query, filters=parse_filters([("level", "0")])),
    )
    for other in others:
        with pytest.raises(QueryError, match="another sort order, comparison or filter") as caught:
            latents_page(readable, slug, other)
        assert caught.value.parameter == "cursor"
    with pytest.raises(QueryError, match="another sort order, comparison or filter"):
        latents_page(readable, make_other_slug(readable, slug), query)


def make_other_slug(engine: Engine, slug: str) -> str:
    from app.store.read import list_comparisons

    return next(summary.slug for summary in list_comparisons(engine) if summary.slug != slug)


def encode(parts: Any) -> str:
    return base64.urlsafe_b64encode(orjson.dumps(parts)).decode().rstrip("=")


@pytest.mark.parametrize("cursor", ["x", "é", "AAAA", "====", encode({}), encode([1]), encode([1, 2, 3, 4, 5]), " "])
def test_a_damaged_cursor_is_refused(readable: Engine, bundle: ComparisonBundle, cursor: str) -> None:
    with pytest.raises(QueryError, match="cursor is damaged"):
        latents_page(readable, bundle.summary.slug, LatentQuery("narrow", cursor=cursor))


@pytest.mark.parametrize(
    ("sort", "value", "index"),
    [
        ("density", "0.5", 3),
        ("density", [0.5], 3),
        ("density", True, 3),
        ("density", 2**63, 3),
        ("n_firings", 0.5, 3),
        ("n_firings", 2**63, 3),
        ("diagnosis", 1, 3),
        ("diagnosis", "x'; DROP TABLE latents", 3),
        ("density", 0.5, -1),
        ("density", 0.5, 2**31),
        ("density", 0.5, "3"),
        ("density", 0.5, None),
    ],
)
def test_a_forged_cursor_is_refused(
    readable: Engine, bundle: ComparisonBundle, sort: str, value: object, index: object
) -> None:
    query = LatentQuery("narrow", sort, limit=2)
    honest = latents_page(readable, bundle.summary.slug, query).next
    assert honest is not None
    scope = orjson.loads(base64.urlsafe_b64decode(honest + "=" * (-len(honest) % 4)))[1]
    with pytest.raises(QueryError, match="cursor is damaged"):
        latents_page(readable, bundle.summary.slug, replace(query, cursor=encode([sort, scope, value, index])))


@pytest.mark.parametrize("text", SORTS)
def test_every_page_is_one_range_of_one_index(readable: Engine, text: str) -> None:
    """No sorting and no full scan, whatever the depth: what makes a page take the same time everywhere."""
    sort = parse_sort(text)
    values: dict[str, str | int | float] = {"text": "clean", "integer": 1, "number": 0.25}
    value = values[LATENT_FIELDS[sort.field].kind]
    places = [None, Place((value,), 3), *([Place((None,), 3)] if latent_column(sort.field).nullable else [])]
    with reading(readable) as connection:
        for place in places:
            for segment in segments((sort,), place):
                assert_one_range_of_one_index(connection, segment, binds((1, "narrow"), place, 5))

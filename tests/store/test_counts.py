"""Counts that are kept with a comparison are the counts of its latents."""

from __future__ import annotations

from collections import Counter

import pytest
from sqlalchemy import Engine

from app.records import ComparisonBundle, Side
from app.store.counts import FACETS, count, facet, kept_facet, kept_total
from app.store.filters import condition, parse_filter
from app.store.lookup import require_comparison
from app.store.page import LatentQuery, latents_page
from app.store.session import reading
from app.store.tables import COUNTED, latents


@pytest.mark.parametrize("side", ["narrow", "reference"])
def test_kept_counts_are_those_of_the_latents(readable: Engine, bundle: ComparisonBundle, side: Side) -> None:
    of_side = [x for x in bundle.latents if x.sae == side]
    with reading(readable) as connection:
        key = require_comparison(connection, bundle.summary.slug)
        assert kept_total(connection, key, side) == len(of_side)
        for name in COUNTED:
            kept = kept_facet(connection, key, side, name)
            counted = facet(connection, name, [latents.c.comparison_id == key, latents.c.side == side])
            assert {each.value: each.count for each in kept} == Counter(getattr(x, name) for x in of_side)
            assert set(kept) == set(counted)
            assert [each.count for each in kept] == sorted((each.count for each in kept), reverse=True)


def test_a_facet_counts_what_filters_leave(readable: Engine, bundle: ComparisonBundle) -> None:
    with reading(readable) as connection:
        key = require_comparison(connection, bundle.summary.slug)
        conditions = [latents.c.comparison_id == key, condition(parse_filter("level", "1"))]
        found = facet(connection, "diagnosis", conditions)
        expected = Counter(x.diagnosis for x in bundle.latents if x.level == 1)
        assert {each.value: each.count for each in found} == expected
        assert count(connection, conditions) == expected.total()


def test_only_fields_with_few_values_are_facets() -> None:
    assert "diagnosis" in FACETS
    assert not {"index", "density"} & set(FACETS)


def test_totals_are_given_as_far_as_they_are_wanted(
    readable: Engine, bundle: ComparisonBundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.store.counts.CAP", 5)
    monkeypatch.setattr("app.store.narrowing.FEW", 0)
    slug = bundle.summary.slug
    filters = (parse_filter("index__gte", "10"),)

    def total(**given: object) -> int | None:
        return latents_page(readable, slug, LatentQuery("reference", "-density", limit=3, **given)).total  # type: ignore[arg-type]

    assert total() == 60
    assert total(filters=filters) is None
    assert total(filters=filters, count="exact") == 50
    assert total(filters=filters, count="none") is None
    assert total(filters=(parse_filter("index__gte", "57"),)) == 3
    second = latents_page(readable, slug, LatentQuery("reference", "-density", limit=3)).next
    assert total(cursor=second) is None
    assert total(cursor=second, count="exact") == 60

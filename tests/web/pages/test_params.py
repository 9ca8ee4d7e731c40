"""Filters in URLs are written in one way."""

from __future__ import annotations

import pytest

from app.store.filters import parse_filter
from app.web.pages.params import as_parameter


@pytest.mark.parametrize(
    ("given", "canonical"),
    [
        (("hedging_score__gte", "5e-1"), ("hedging_score__gte", "0.5")),
        (("max_activation__lt", " 1_0 "), ("max_activation__lt", "10")),
        (("density__gt", "1e-7"), ("density__gt", "1e-07")),
        (("diagnosis__eq", "dead"), ("diagnosis", "dead")),
        (("level__in", "0, +2,0"), ("level__in", "0,2")),
        (("hedging_score__isnull", "1"), ("hedging_score__isnull", "1")),
        (("hedging_score__isnull", "0"), ("hedging_score__isnull", "0")),
    ],
)
def test_a_filter_has_one_way_to_be_written(given: tuple[str, str], canonical: tuple[str, str]) -> None:
    assert as_parameter(parse_filter(*given)) == canonical
    assert parse_filter(*canonical) == parse_filter(*given)

"""The filter by a polygon: in both databases, in plain Python and in the browser's script, the same latents."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine

from app.errors import QueryError
from app.records import ComparisonBundle, LatentScores
from app.store.filters import Filter, parse_filters
from app.store.lasso import MAX_CORNERS
from app.store.page import LatentQuery, latents_page

X, Y = "max_decoder_cosine", "max_jaccard"
coordinates = st.floats(-0.2, 1.2)


def is_inside(x: float | None, y: float | None, corners: list[tuple[float, float]]) -> bool:
    """The crossing number of a ray to the right."""
    if x is None or y is None:
        return False
    n = 0
    for k, (x1, y1) in enumerate(corners):
        x2, y2 = corners[(k + 1) % len(corners)]
        if (y1 > y) != (y2 > y):
            n += x < (x2 - x1) * (y - y1) / (y2 - y1) + x1
    return n % 2 == 1


def parameter(corners: list[tuple[float, float]]) -> tuple[str, str]:
    return f"{X}__inside", ",".join([Y, *(repr(value) for corner in corners for value in corner)])


@settings(max_examples=60, deadline=None)
@given(corners=st.lists(st.tuples(coordinates, coordinates), min_size=3, max_size=8))
def test_it_finds_what_lies_within(
    readable: Engine, bundle: ComparisonBundle, corners: list[tuple[float, float]]
) -> None:
    corners = [tuple(0.0 if abs(value) < 1e-12 else value for value in one) for one in corners]  # type: ignore[misc]
    query = LatentQuery("reference", "index", parse_filters([parameter(corners)]))
    found = [latent.index for latent in latents_page(readable, bundle.summary.slug, query).items]

    def within(latent: LatentScores) -> bool:
        return is_inside(latent.max_decoder_cosine, latent.max_jaccard, corners)

    assert found == [x.index for x in bundle.latents if x.sae == "reference" and within(x)]


def test_a_square_is_read() -> None:
    (filter_,) = parse_filters([("density__inside", "n_firings,0,0,0,10,1e-13,10,1,0")])
    assert filter_ == Filter("density", "inside", ("n_firings", 0.0, 0.0, 0.0, 10.0, 0.0, 10.0, 1.0, 0.0))


def test_extreme_corners_are_no_failure(readable: Engine, bundle: ComparisonBundle) -> None:
    text = f"{Y},-1e15,-1e15,1e15,1e-12,1e15,1.1e-12,-1e15,1e15"
    query = LatentQuery("narrow", "index", parse_filters([(f"{X}__inside", text)]))
    assert latents_page(readable, bundle.summary.slug, query).items


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        (f"{X}__inside", "", "begins with ''; expected the second field"),
        (f"{X}__inside", "label,0,0,1,1,0,1", "begins with 'label'"),
        (f"{X}__inside", f"{Y},0,0,1,1", "has 4 numbers after the field; expected two for each of 3 to 64 corners"),
        (f"{X}__inside", f"{Y},0,0,1,1,0", "has 5 numbers"),
        (f"{X}__inside", f"{Y}" + ",0,1" * (MAX_CORNERS + 1), "has 130 numbers"),
        (f"{X}__inside", f"{Y},0,0,1,1,0,nan", "has 'nan' among its corners"),
        (f"{X}__inside", f"{Y},0,0,1,1,0,1e16", "has '1e16' among its corners; expected numbers of at most 1e+15"),
        ("diagnosis__inside", f"{Y},0,0,1,1,0,1", "unknown operation 'inside'"),
    ],
)
def test_a_wrong_polygon_is_refused(name: str, text: str, message: str) -> None:
    with pytest.raises(QueryError) as raised:
        parse_filters([(name, text)])
    assert message in str(raised.value)
    assert raised.value.parameter == name


@pytest.mark.slow
def test_the_browser_finds_the_same() -> None:
    from tests.js.node import call

    corners = [(0.1, 0.1), (0.9, 0.2), (0.5, 0.5), (0.8, 0.9), (0.2, 0.7), (0.4, 0.4)]
    grid: list[tuple[float | None, float | None]] = [(i / 17, j / 17) for i in range(18) for j in range(18)]
    points = [*grid, (None, 0.5), (0.5, None), (0.1, 0.1), (0.9, 0.2)]
    columns: dict[str, Any] = {X: [x for x, _ in points], Y: [y for _, y in points]}
    (found,) = call("filters.js", "passing", [[[list(parameter(corners))], columns, len(points)]])
    assert found == [k for k, (x, y) in enumerate(points) if is_inside(x, y, corners)]
    assert 30 < len(found) < 200

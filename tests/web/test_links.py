"""Every link leads to the route it is meant for."""

from __future__ import annotations

from urllib.parse import parse_qsl, urlsplit

import pytest
from starlette.testclient import TestClient

from app.web.http import links


@pytest.mark.parametrize(
    "query", [(), (("hedging_score__gte", "0.5"),), (("diagnosis__in", "clean,dead"), ("q", "a&b=ü #1 +"))]
)
def test_queries_round_trip(query: tuple[tuple[str, str], ...]) -> None:
    split = urlsplit(links.latents("some-slug", query))
    assert split.path == "/c/some-slug/latents"
    assert tuple(parse_qsl(split.query)) == query


def test_commas_stay_readable() -> None:
    assert links.latents("s", (("index__in", "1,2"),)) == "/c/s/latents?index__in=1,2"


def test_a_slug_can_not_leave_its_place() -> None:
    assert links.comparison("a/../b?c#d") == "/c/a%2F..%2Fb%3Fc%23d"


@pytest.mark.parametrize(("path", "twin"), [("/", "/index.json"), ("/saes", "/saes.json"), ("/c/x", "/c/x.json")])
def test_twins(path: str, twin: str) -> None:
    assert links.twin(path, (("sae", "narrow"),)) == f"{twin}?sae=narrow"


def test_every_link_is_answered(client: TestClient, slug: str) -> None:
    paths = [
        links.home(),
        links.saes("plain"),
        links.about("hedging_score"),
        links.comparison(slug, (("x", "density"),)),
        links.latents(slug),
        *(links.latents_file(slug, ending) for ending in ("csv", "ndjson", "json")),
        links.latent(slug, "narrow", 3),
        links.latent(slug, "reference", 3),
        links.pair(slug, 1, 2),
        links.levels(slug),
        links.points(slug),
        links.api_comparison(slug),
        links.static("css/base.css"),
        links.static("vendor/plotly-strict.min.js"),
    ]
    assert {path: client.get(path).status_code for path in paths} == dict.fromkeys(paths, 200)

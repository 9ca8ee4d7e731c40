"""The hedging degree beside a comparison: page, API, and the pages that name it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
from sqlalchemy import Engine
from starlette.testclient import TestClient

from app.records import ComparisonSummary, DegreeRecord
from app.settings import Settings
from app.store.degrees import write_degree
from app.web.main import create_app
from app.web.shared.figures.degree import MOST_ROWS
from tests.builders import make_degree
from tests.local_client import local_client
from tests.web.pages.markup import Document

pytestmark = pytest.mark.slow


@pytest.fixture
def degree(stored: tuple[Engine, ComparisonSummary]) -> DegreeRecord:
    sae = stored[1].narrow.sae
    return make_degree(sae.checksum, sae.d_sae)


@pytest.fixture
def site(stored: tuple[Engine, ComparisonSummary]) -> Iterator[TestClient]:
    with local_client(create_app(Settings(), stored[0]), base_url="http://127.0.0.1:8000") as client:
        yield client


def test_without_a_degree_the_page_says_how_to_measure_one(
    site: TestClient, stored: tuple[Engine, ComparisonSummary]
) -> None:
    slug = stored[1].slug
    page = site.get(f"/c/{slug}/degree")
    assert page.status_code == 200
    assert "hedgescope extend" in page.text
    assert page.headers["cache-control"] == "no-cache"
    answer = site.get(f"/api/v1/comparisons/{slug}/degree").json()
    assert (answer["items"], answer["rank_correlation"]) == ([], None)


def test_a_stored_degree_is_shown_at_once(
    site: TestClient, stored: tuple[Engine, ComparisonSummary], degree: DegreeRecord
) -> None:
    """Also on the pages that were cached without it."""
    engine, summary = stored
    paths = [f"/c/{summary.slug}", f"/c/{summary.slug}/narrow/3", f"/c/{summary.slug}/degree"]
    before = [site.get(path) for path in paths]
    write_degree(engine, degree)
    after = [
        site.get(path, headers={"if-none-match": old.headers["etag"]}) for path, old in zip(paths, before, strict=True)
    ]
    assert [answer.status_code for answer in after] == [200, 200, 200]
    assert [f"{degree.n_new} new latents" in answer.text for answer in (before[0], after[0])] == [False, True]
    tile = 'class="tile degree"'
    assert [tile in answer.text for answer in (before[1], after[1])] == [False, True]
    again = site.get(paths[0], headers={"if-none-match": after[0].headers["etag"]})
    assert again.status_code == 304


def test_twin_and_api_have_the_numbers(
    site: TestClient, stored: tuple[Engine, ComparisonSummary], degree: DegreeRecord
) -> None:
    engine, summary = stored
    write_degree(engine, degree)
    twin = site.get(f"/c/{summary.slug}/degree.json").json()
    api = site.get(f"/api/v1/comparisons/{summary.slug}/degree").json()
    assert api["items"] == twin["degrees"]
    assert api["rank_correlation"] == twin["correlation"]
    assert api["items"][0]["latents"][-1]["degree"] is None
    scores = [
        site.get(f"/api/v1/comparisons/{summary.slug}/narrow/{i}").json()["hedging_score"]
        for i in range(summary.narrow.sae.d_sae)
    ]
    both = [s for s, latent in zip(scores, degree.latents, strict=True) if s is not None and latent.degree is not None]
    assert api["rank_correlation"]["n"] == len(both)
    assert len(twin["scatter"]["chart"]["series"][0]["marks"]) == len(both)


def test_it_can_be_drawn_against_other_fields(
    site: TestClient, stored: tuple[Engine, ComparisonSummary], degree: DegreeRecord
) -> None:
    engine, summary = stored
    write_degree(engine, degree)
    address = f"/c/{summary.slug}/degree"
    latents = [
        site.get(f"/api/v1/comparisons/{summary.slug}/narrow/{i}").json() for i in range(summary.narrow.sae.d_sae)
    ]
    for field in ("hedging_score", "mean_activation", "density"):
        twin = site.get(f"{address}.json", params={"x": field}).json()
        chart = twin["scatter"]["chart"]
        marks = chart["series"][0]["marks"]
        lowest = -1 if field == "hedging_score" else 0  # a logarithmic axis has no place for zero
        values = [each[field] for each in latents]
        drawn = [
            i
            for i, each in enumerate(degree.latents)
            if each.degree is not None and values[i] is not None and values[i] > lowest
        ]
        assert [int(mark["text"].partition(":")[0]) for mark in marks] == drawn
        assert [mark["x0"] for mark in marks] == [latents[i][field] for i in drawn]
        assert [mark["y0"] for mark in marks] == [degree.latents[i].degree for i in drawn]
        assert chart["x"]["log"] == (field != "hedging_score")
        assert len(twin["scatter"]["table"]["rows"]) == min(degree.n_latents, MOST_ROWS)
        switch = Document(site.get(address, params={"x": field}).text).all("a")
        current = [link.attributes["href"] for link in switch if "aria-current" in link.attributes]
        assert f"{address}?x={field}" in current
    refused = site.get(address, params={"x": "colour"})
    assert refused.status_code == 400
    assert "expected hedging_score, mean_activation, density" in refused.text


def test_a_degree_of_another_sae_is_not_shown(
    site: TestClient, stored: tuple[Engine, ComparisonSummary], degree: DegreeRecord
) -> None:
    engine, summary = stored
    write_degree(engine, replace(degree, parent_checksum="0" * 64))
    assert site.get(f"/api/v1/comparisons/{summary.slug}/degree").json()["items"] == []

"""The intervention on a comparison: its page, and the pages that name it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
from sqlalchemy import Engine
from starlette.testclient import TestClient

from app.records import ComparisonSummary, InterventionRecord
from app.settings import Settings
from app.store.interventions import write_intervention
from app.web.main import create_app
from app.web.shared.figures.releases import MOST_POINTS, release_plot
from tests.builders import make_intervention
from tests.local_client import local_client


@pytest.fixture
def record(stored: tuple[Engine, ComparisonSummary]) -> InterventionRecord:
    return make_intervention(stored[1])


@pytest.fixture
def site(stored: tuple[Engine, ComparisonSummary]) -> Iterator[TestClient]:
    with local_client(create_app(Settings(), stored[0]), base_url="http://127.0.0.1:8000") as client:
        yield client


def test_without_one_the_page_says_how_to_run_one(site: TestClient, stored: tuple[Engine, ComparisonSummary]) -> None:
    slug = stored[1].slug
    page = site.get(f"/c/{slug}/intervention")
    assert page.status_code == 200
    assert f"hedgescope intervene --comparison {slug}" in page.text
    assert page.headers["cache-control"] == "no-cache"
    assert site.get(f"/c/{slug}/intervention?id=1").status_code == 400


def test_a_stored_one_is_shown_at_once(
    site: TestClient, stored: tuple[Engine, ComparisonSummary], record: InterventionRecord
) -> None:
    """Also on the pages that were cached without it."""
    engine, summary = stored
    base = f"/c/{summary.slug}"
    paths = [base, f"{base}/narrow/2", f"{base}/reference/2", f"{base}/pairs/2/0", f"{base}/intervention"]
    before = [site.get(path) for path in paths]
    number = write_intervention(engine, record)
    after = [
        site.get(path, headers={"if-none-match": old.headers["etag"]}) for path, old in zip(paths, before, strict=True)
    ]
    assert [answer.status_code for answer in after] == [200] * 5
    sentences = (
        "let go when their partner got a latent of its own",
        "Measured release",
        '<th scope="col" class="num">Release</th>',
        f"Intervention {number}</a>: in the 1 of 2 runs that gave reference 0 a latent of its own",
        "reference latents were candidates",
    )
    for old, new, sentence in zip(before, after, sentences, strict=True):
        assert (sentence in old.text, sentence in new.text) == (False, True), sentence
        made_by = f"Made by <code>{record.summary.command}</code>"
        assert (made_by in old.text, made_by in new.text) == (False, True), sentence
    again = site.get(paths[3], headers={"if-none-match": after[3].headers["etag"]})
    assert again.status_code == 304


def test_the_page_has_the_trial_s_numbers(
    site: TestClient, stored: tuple[Engine, ComparisonSummary], record: InterventionRecord
) -> None:
    engine, summary = stored
    write_intervention(engine, record)
    text = site.get(f"/c/{summary.slug}/intervention").text
    assert "Each was added in 1 of <b>2</b> runs, next to 1 controls" in text
    assert "5 of 6 named pairs release more than 0" in text
    assert record.summary.command in text
    twin = site.get(f"/c/{summary.slug}/intervention.json").json()
    named = [pair for pair in record.pairs if pair.named]
    assert len(twin["top"]) == len(named)
    assert twin["falls"][0]["falls"]["share_falling"] == record.summary.named_added.share_falling
    control, release = twin["scatter"]["chart"]["series"]
    assert sorted(mark["y0"] for mark in release["marks"]) == sorted(pair.release for pair in named)
    assert sorted(mark["y0"] for mark in control["marks"]) == sorted(pair.fall_not_added for pair in named)


def test_one_of_several_is_chosen_by_its_number(
    site: TestClient, stored: tuple[Engine, ComparisonSummary], record: InterventionRecord
) -> None:
    engine, summary = stored
    first = write_intervention(engine, record)
    held = replace(record.summary.settings, budget="held")
    other = replace(record, summary=replace(record.summary, content_hash="f" * 64, settings=held))
    second = write_intervention(engine, other)
    page = f"/c/{summary.slug}/intervention"
    assert "was held at" in site.get(page).text
    assert "grew from" in site.get(f"{page}?id={first}").text
    assert site.get(f"{page}.json?id={second}").json()["shown"]["number"] == second
    wrong = site.get(f"{page}?id=9")
    assert wrong.status_code == 400
    assert f"{second}, {first}" in wrong.text


def test_files_are_named_by_their_last_part(
    site: TestClient, stored: tuple[Engine, ComparisonSummary], record: InterventionRecord
) -> None:
    engine, summary = stored
    command = "hedgescope intervene --comparison tiny --activations /secret/folder/acts"
    write_intervention(engine, replace(record, summary=replace(record.summary, command=command)))
    number = site.get(f"/api/v1/comparisons/{summary.slug}/interventions").json()["items"][0]["id"]
    for path in (f"/c/{summary.slug}/intervention", f"/api/v1/interventions/{number}"):
        answer = site.get(path).text
        assert "/secret" not in answer
        assert "--activations acts" in answer


def test_the_plot_draws_the_pairs_with_most_mass(record: InterventionRecord) -> None:
    pair = record.pairs[0]
    many = [replace(pair, narrow_index=i, mass=i / 10_000) for i in range(MOST_POINTS + 5)]
    plot = release_plot(many)
    marks = plot.chart.series[1].marks
    assert len(marks) == MOST_POINTS
    assert min(mark.x0 for mark in marks) == 5 / 10_000
    assert f"{MOST_POINTS:,} of {MOST_POINTS + 5:,} named pairs" in plot.description

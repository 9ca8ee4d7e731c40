"""Texts that are found, and two comparisons set against each other."""

from __future__ import annotations

from dataclasses import replace

import orjson
import pytest
from sqlalchemy import Engine
from starlette.testclient import TestClient

from app.catalogue.checks import CHECKS
from app.paths import resource
from app.records import ComparisonBundle, ComparisonSummary
from app.settings import Settings
from app.store.write import write_comparison
from app.web.main import create_app
from tests.builders import make_bundle
from tests.local_client import local_client


@pytest.mark.parametrize("q", ["cat", "CAT sat", "<Script>", "naïve"])
def test_a_text_is_found_in_labels_and_text(client: TestClient, slug: str, bundle: ComparisonBundle, q: str) -> None:
    found = client.get(f"/api/v1/comparisons/{slug}/search", params={"q": q, "limit": 100}).json()
    wanted = q.casefold()
    for side in ("narrow", "reference"):
        expected = {x.index for x in bundle.latents if x.sae == side and wanted in x.label.casefold()}
        assert {item["index"] for item in found[side]["items"]} == expected
        assert found[side]["total"] == len(expected)
    rows = [row for row in bundle.text_rows if wanted in "".join(row.tokens).casefold()]
    assert [place["row"] for place in found["text"]] == [row.row for row in rows]
    for place, row in zip(found["text"], rows, strict=True):
        around = "".join(place["tokens"]).casefold()
        assert wanted in around
        assert tuple(place["tokens"]) == row.tokens[place["start"] : place["start"] + len(place["tokens"])]
        first = place["position"] - place["start"]
        assert wanted not in "".join(place["tokens"][:first]).casefold()
    assert found["complete"] is True


@pytest.mark.parametrize("query", ["", "q=", f"q={'x' * 201}", "q=a&limit=0", "q=a&limit=101", "q=a&more=1"])
def test_other_searches_are_refused(client: TestClient, slug: str, query: str) -> None:
    assert client.get(f"/api/v1/comparisons/{slug}/search?{query}").status_code == 400


@pytest.fixture
def pair(stored: tuple[Engine, ComparisonSummary]) -> tuple[TestClient, ComparisonBundle, ComparisonBundle]:
    """Two comparisons of one narrow SAE, whose scores differ by known amounts."""
    engine, _ = stored
    first = make_bundle()
    changed = [
        replace(x, hedging_score=None if x.hedging_score is None else x.hedging_score / 2) if x.sae == "narrow" else x
        for x in first.latents
    ]
    summary = replace(first.summary, slug="other-0123456789ab", name="other", content_hash="0123456789ab" + "0" * 52)
    second = replace(first, summary=summary, latents=tuple(changed))
    write_comparison(engine, second)
    return local_client(create_app(Settings(), engine)), first, second


def test_two_comparisons_latent_by_latent(pair: tuple[TestClient, ComparisonBundle, ComparisonBundle]) -> None:
    client, first, second = pair
    diff = client.get("/api/v1/diff/tiny/other").json()
    scores = {x.index: x.hedging_score for x in first.latents if x.sae == "narrow"}
    scored = {index: score for index, score in scores.items() if score is not None}
    assert (diff["a"], diff["b"]) == (first.summary.slug, second.summary.slug)
    assert (diff["n_latents"], diff["n_scored_in_both"], diff["n_same_diagnosis"]) == (24, len(scored), 24)
    assert diff["mean_difference"] == pytest.approx(-sum(scored.values()) / 2 / len(scored))
    assert diff["mean_absolute_difference"] == pytest.approx(sum(scored.values()) / 2 / len(scored))
    by_size = sorted(scored, key=lambda index: (-scored[index], index))
    assert [item["index"] for item in diff["items"]][: len(scored)] == by_size
    top = diff["items"][0]
    assert top["difference"] == pytest.approx(top["b"]["hedging_score"] - top["a"]["hedging_score"])
    assert len(client.get("/api/v1/diff/tiny/other?limit=3").json()["items"]) == 3
    assert client.get("/api/v1/diff/tiny/nope").status_code == 404


def test_comparisons_of_other_saes_are_not_set_against_each_other(client: TestClient, slug: str, twice: object) -> None:
    other = next(item["slug"] for item in client.get("/api/v1/comparisons").json()["items"] if item["name"] == "twice")
    refused = client.get(f"/api/v1/diff/{slug}/{other}")
    assert (refused.status_code, "same narrow SAE" in refused.json()["detail"]) == (409, True)


def test_the_validation_is_the_committed_one(client: TestClient) -> None:
    shown = client.get("/api/v1/validation").json()["checks"]
    assert [check["result"]["name"] for check in shown] == [check.name for check in CHECKS]
    for check in shown:
        committed = resource("docs/data/validation") / f"{check['result']['name']}.json"
        assert check["result"] == orjson.loads(committed.read_bytes())

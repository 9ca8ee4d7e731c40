"""Redirects, ETags, wrong parameters: how pages behave as resources of the web."""

from __future__ import annotations

import pytest
from sqlalchemy import Engine
from starlette.testclient import TestClient

from app.records import ComparisonBundle
from app.settings import Settings
from app.web.main import create_app
from tests.local_client import local_client

HTML = {"accept": "text/html"}


@pytest.mark.parametrize(
    "rest", ["", ".json", "/latents.csv", "/narrow/3.json", "/pairs/1/2", "/points.json", "/levels"]
)
def test_a_name_leads_to_the_whole_slug(client: TestClient, slug: str, rest: str) -> None:
    answer = client.get(f"/c/tiny{rest}?embed=1")
    assert answer.status_code == 307
    assert answer.headers["location"] == f"/c/{slug}{rest}?embed=1"


def test_a_name_of_several_comparisons_is_not_guessed(
    client: TestClient, twice: tuple[ComparisonBundle, ComparisonBundle]
) -> None:
    answer = client.get("/c/twice", headers=HTML)
    assert answer.status_code == 400
    assert all(bundle.summary.slug in answer.text for bundle in twice)


def test_what_a_form_left_empty_is_dropped(client: TestClient, slug: str) -> None:
    answer = client.get(f"/c/{slug}/latents?q=&hedging_score__gte=&level=&density__lte=0.5")
    assert answer.status_code == 307
    assert answer.headers["location"] == f"/c/{slug}/latents?density__lte=0.5"


@pytest.mark.parametrize("rest", ["", ".json", "/latents", "/latents.csv", "/narrow/0", "/pairs/0/0", "/points.json"])
def test_an_immutable_page_is_not_sent_twice(
    client: TestClient, twice: tuple[ComparisonBundle, ComparisonBundle], rest: str
) -> None:
    assert_not_sent_twice(client, f"/c/{twice[0].summary.slug}{rest}", "immutable")


@pytest.mark.parametrize("rest", ["", "/narrow/0", "/pairs/0/0"])
def test_a_page_that_shows_an_intervention_is_asked_for_again(client: TestClient, slug: str, rest: str) -> None:
    assert_not_sent_twice(client, f"/c/{slug}{rest}", "no-cache")


def assert_not_sent_twice(client: TestClient, path: str, cached: str) -> None:
    """The first answer may be kept as `cached` says, and the second is a 304 without a body."""
    first = client.get(path)
    assert cached in first.headers["cache-control"]
    assert first.headers["etag"].startswith('"')
    again = client.get(path, headers={"if-none-match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["etag"] == first.headers["etag"]


def test_tags_differ_by_query_page_and_comparison(
    client: TestClient, slug: str, twice: tuple[ComparisonBundle, ComparisonBundle]
) -> None:
    slugs = [slug, *(bundle.summary.slug for bundle in twice)]
    paths = [f"/c/{one}{rest}" for one in slugs for rest in ("", ".json", "?embed=1", "/narrow/0", "/narrow/1")]
    assert len({client.get(path).headers["etag"] for path in paths}) == len(paths)


@pytest.mark.parametrize("path", ["/", "/index.json", "/saes", "/about.json"])
def test_a_changing_page_is_checked_each_time(client: TestClient, path: str) -> None:
    first = client.get(path)
    assert first.headers["cache-control"] == "no-cache"
    assert client.get(path, headers={"if-none-match": first.headers["etag"]}).status_code == 304


def test_head_has_the_headers_and_no_body(client: TestClient, slug: str) -> None:
    answer = client.head(f"/c/{slug}/latents.csv")
    assert (answer.status_code, answer.content) == (200, b"")
    assert answer.headers["content-type"].startswith("text/csv")


@pytest.mark.parametrize(
    ("path", "status", "words"),
    [
        ("/c/nothing", 404, "tiny-"),
        ("/c/{slug}/narrow/24", 404, "0 to 23"),
        ("/c/{slug}/narrow/-1", 404, "0 to 23"),
        ("/c/{slug}/reference/60", 404, "0 to 59"),
        ("/c/{slug}/pairs/0/60", 404, "0 to 59"),
        ("/c/{slug}/pairs/24/0", 404, "0 to 23"),
        ("/c/{slug}/latents?sort=label", 400, "hedging_score"),
        ("/c/{slug}/latents?sae=wide", 400, "narrow, reference"),
        ("/c/{slug}/latents?limit=0", 400, "from 1 to"),
        ("/c/{slug}/latents?limit=1e3", 400, "from 1 to"),
        ("/c/{slug}/latents?columns=some", 400, "usual, all"),
        ("/c/{slug}/latents?cursor=x", 400, "damaged"),
        ("/c/{slug}/latents?nope__gte=1", 400, "unknown parameter"),
        ("/c/{slug}/latents.csv?hedging_score__like=1", 400, "unknown operation"),
        ("/c/{slug}?x=label", 400, "max_jaccard"),
        ("/c/{slug}?color=diagnosis", 400, "hedging_score"),
        ("/c/{slug}?zoom=1,2,3", 400, "x0,x1,y0,y1"),
        ("/c/{slug}?zoom=nan,1,0,1", 400, "finite"),
        ("/c/{slug}?zoom=1,0,0,1", 400, "x0 < x1"),
        ("/c/{slug}/narrow/0?highlight=all", 400, "both, latent, partner"),
        ("/c/{slug}/narrow/0?sort=nope", 400, "hedging_score"),
        ("/c/{slug}/pairs/0/0?x=1", 400, "unknown parameter"),
        ("/c/{slug}/levels?x=1", 400, "unknown parameter"),
        ("/c/{slug}/points.json?fields=index,nope", 400, "no field"),
        ("/about?x=1", 400, "unknown parameter"),
    ],
)
def test_what_is_wrong_is_said(client: TestClient, slug: str, path: str, status: int, words: str) -> None:
    answer = client.get(path.format(slug=slug), headers=HTML)
    assert answer.status_code == status
    assert words in answer.text.replace("&lt;", "<").replace("Unknown", "unknown")


def test_the_theme_is_a_parameter_of_every_page(client: TestClient, slug: str) -> None:
    for path in ("/", "/about", f"/c/{slug}", f"/c/{slug}/latents", f"/c/{slug}/pairs/0/0"):
        assert client.get(f"{path}?theme=dark").status_code == 200


def test_a_name_with_nul_is_not_looked_for(site: tuple[Settings, Engine], monkeypatch: pytest.MonkeyPatch) -> None:
    """PostgreSQL refuses such a text, which would look as if the database had failed."""
    client = local_client(create_app(*site))
    monkeypatch.setattr("app.store.read.get_comparison", None)
    for path in ("/c/%00", "/c/a%00b/latents", "/c/%00.json"):
        assert client.get(path).status_code == 404

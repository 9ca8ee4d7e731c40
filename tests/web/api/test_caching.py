"""What may be kept and for how long, and 304 for what is still the same."""

from __future__ import annotations

import pytest
from sqlalchemy import Engine
from starlette.testclient import TestClient

from app.records import ComparisonSummary
from app.settings import Settings
from app.store.write import register_sae
from app.web.main import create_app
from tests.builders import make_sae_record
from tests.local_client import local_client

IMMUTABLE = ["", "/levels", "/latents", "/latents?limit=2&sort=index", "/narrow/1", "/reference/2", "/pairs/1/2"]
CHANGING = ["/api/v1/saes", "/api/v1/saes/plain", "/api/v1/comparisons"]


@pytest.mark.parametrize("rest", IMMUTABLE)
def test_below_a_slug_nothing_changes(client: TestClient, slug: str, rest: str) -> None:
    path = f"/api/v1/comparisons/{slug}{rest}"
    first = client.get(path)
    tag = first.headers["etag"]
    assert tag.startswith('"')
    assert "immutable" in first.headers["cache-control"]
    again = client.get(path, headers={"If-None-Match": f'"other", W/{tag}'})
    assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)
    assert again.headers["cache-control"] == first.headers["cache-control"]
    assert client.get(path, headers={"If-None-Match": '"other"'}).content == first.content


def test_every_url_has_its_own_tag(client: TestClient, slug: str) -> None:
    tags = [client.get(f"/api/v1/comparisons/{slug}{rest}").headers["etag"] for rest in IMMUTABLE]
    assert len(set(tags)) == len(IMMUTABLE)


@pytest.mark.parametrize("path", CHANGING)
def test_lists_are_asked_for_each_time(client: TestClient, path: str) -> None:
    first = client.get(path)
    assert first.headers["cache-control"] == "no-cache"
    assert client.get(path, headers={"If-None-Match": first.headers["etag"]}).status_code == 304


def test_a_list_that_changed_has_another_tag(stored: tuple[Engine, ComparisonSummary]) -> None:
    engine, _ = stored
    client = local_client(create_app(Settings(), engine))
    before = client.get("/api/v1/saes")
    register_sae(engine, make_sae_record("new"))
    after = client.get("/api/v1/saes", headers={"If-None-Match": before.headers["etag"]})
    assert (after.status_code, after.json()["total"]) == (200, 1)


@pytest.mark.parametrize("path", [f"/api/v1/comparisons/{{slug}}{rest}" for rest in IMMUTABLE] + CHANGING)
def test_head_is_get_without_the_body(client: TestClient, slug: str, path: str) -> None:
    path = path.format(slug=slug)
    got, head = client.get(path), client.head(path)
    assert (head.status_code, head.content) == (200, b"")
    for name in ("etag", "cache-control", "content-type", "content-length", "link"):
        assert head.headers.get(name) == got.headers.get(name)
    assert client.head(path, headers={"If-None-Match": got.headers["etag"]}).status_code == 304


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/docs", "/openapi.json", "/static/docs.html"])
def test_head_elsewhere(client: TestClient, path: str) -> None:
    assert client.head(path).status_code == 200


def test_errors_and_redirects_are_not_kept(client: TestClient, slug: str) -> None:
    assert client.get(f"/api/v1/comparisons/{slug}/narrow/99").headers["cache-control"] == "no-store"
    redirect = client.get("/api/v1/comparisons/tiny")
    assert redirect.status_code == 307
    assert "etag" not in redirect.headers
    assert client.get("/readyz").headers["cache-control"] == "no-store"


def test_a_wildcard_finds_no_page_that_is_not_there(client: TestClient, slug: str) -> None:
    headers = {"If-None-Match": "*"}
    assert client.get(f"/api/v1/comparisons/{slug}/narrow/1", headers=headers).status_code == 304
    assert client.get(f"/api/v1/comparisons/{slug}/latents?sort=nope", headers=headers).status_code == 400
    assert client.get(f"/api/v1/comparisons/{slug}/narrow/99", headers=headers).status_code == 404

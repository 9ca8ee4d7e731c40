"""Below a path of a reverse proxy, every link leads back below it."""

from __future__ import annotations

import re

import pytest
from sqlalchemy import Engine
from starlette.testclient import TestClient

from app.settings import Settings
from app.web.main import create_app
from tests.local_client import local_client

pytestmark = pytest.mark.slow

BELOW = "/lab/hedgescope"
LINK = re.compile(r'(?:href|src|action)="(/[^"]*)"|"[a-z_]*url":"(/[^"]*)"')
PAGES = [
    "/",
    "/c/{}",
    "/c/{}/latents?limit=3",
    "/c/{}/narrow/1",
    "/c/{}/pairs/0/0",
    "/jobs",
    "/jobs/1",
    "/saes",
    "/about",
    "/c/{}/prompt",
]


@pytest.fixture(params=["setting", "header"])
def below(request: pytest.FixtureRequest, site: tuple[Settings, Engine]) -> TestClient:
    settings, engine = site
    if request.param == "setting":
        return local_client(
            create_app(settings.model_copy(update={"path_prefix": BELOW}), engine), follow_redirects=False
        )
    app = create_app(settings.model_copy(update={"trusted_proxies": ("127.0.0.1",)}), engine)
    return local_client(app, follow_redirects=False, headers={"X-Forwarded-Prefix": BELOW})


@pytest.mark.parametrize("is_stripped", [True, False])
@pytest.mark.parametrize("path", PAGES)
def test_links_stay_below(below: TestClient, slug: str, path: str, is_stripped: bool) -> None:
    page = below.get(("" if is_stripped else BELOW) + path.format(slug))
    assert page.status_code == 200
    found = [one or other for one, other in LINK.findall(page.text)]
    assert len(found) > 5
    assert [link for link in found if not link.startswith(f"{BELOW}/")] == []
    for link in found[:8]:
        assert below.get(link.replace("&amp;", "&")).status_code in (200, 404, 405)


def test_redirects_and_headers_stay_below(below: TestClient, slug: str) -> None:
    assert below.get("/c/tiny/levels").headers["location"] == f"{BELOW}/c/{slug}/levels"
    assert below.get(f"{BELOW}/api/v1/comparisons/tiny").headers["location"] == f"{BELOW}/api/v1/comparisons/{slug}"
    assert f"<{BELOW}/api/v1/" in below.get(f"/api/v1/comparisons/{slug}/latents?limit=2").headers["link"]


def test_pages_with_other_links_have_other_tags(below: TestClient, client: TestClient, slug: str) -> None:
    path = f"/c/{slug}"
    assert below.get(path).headers["etag"] != client.get(path).headers["etag"]


@pytest.mark.parametrize("prefix", ["//evil.example", '/a"b', "javascript:", "/x/../..", "/a b", "https://evil"])
def test_other_prefixes_are_ignored(site: tuple[Settings, Engine], slug: str, prefix: str) -> None:
    settings, engine = site
    trusting = create_app(settings.model_copy(update={"trusted_proxies": ("127.0.0.1",)}), engine)
    page = local_client(trusting).get(f"/c/{slug}", headers={"X-Forwarded-Prefix": prefix})
    assert f'href="/c/{slug}/latents' in page.text or prefix == "/x/../.."
    assert "evil" not in page.text


def test_nobody_else_sets_the_prefix(client: TestClient, slug: str) -> None:
    page = client.get(f"/c/{slug}", headers={"X-Forwarded-Prefix": "/elsewhere"})
    assert "/elsewhere" not in page.text


def test_the_document_names_its_server(site: tuple[Settings, Engine]) -> None:
    settings, engine = site
    app = create_app(settings.model_copy(update={"path_prefix": BELOW}), engine)
    assert local_client(app).get(f"{BELOW}/openapi.json").json()["servers"] == [{"url": BELOW}]

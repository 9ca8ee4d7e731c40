"""A comparison of SAEs that read different places says so on every page, and in JSON."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
from starlette.testclient import TestClient

from app.records import RowRules
from app.settings import Settings
from app.store.session import make_engine, upgrade
from app.store.write import write_comparison
from app.web.main import create_app
from tests.builders import make_bundle

MISMATCH = "narrow reads model.layers.0, but reference reads model.layers.1"
NOTE = "the text spells out control tokens"
PAGES = ("", "/latents", "/narrow/1", "/reference/1", "/pairs/1/1", "/levels", "/prompt", "/degree", "/intervention")


@pytest.fixture(scope="module")
def forced(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[TestClient, str]]:
    """The site with one comparison whose mismatch was allowed, and its slug."""
    url = f"sqlite:///{tmp_path_factory.mktemp('data') / 'h.db'}"
    upgrade(url)
    engine = make_engine(url)
    bundle = make_bundle()
    told = replace(bundle.summary, mismatch=MISMATCH, notes=(NOTE,), rows=RowRules(length=64, bos=False))
    write_comparison(engine, replace(bundle, summary=told))
    engine.dispose()
    with TestClient(create_app(Settings(database_url=url))) as client:
        yield client, bundle.summary.slug


@pytest.mark.parametrize("page", PAGES)
def test_every_page_says_so(forced: tuple[TestClient, str], page: str) -> None:
    client, slug = forced
    html = client.get(f"/c/{slug}{page}").text
    assert MISMATCH in html
    assert "These SAEs read different places" in html
    twin = client.get(f"/c/{slug}{page}.json" if page else f"/c/{slug}.json").json()
    assert twin["frame"]["warning"] == MISMATCH


def test_the_api_and_the_overview_say_the_rest(forced: tuple[TestClient, str]) -> None:
    client, slug = forced
    summary = client.get(f"/api/v1/comparisons/{slug}").json()
    assert (summary["mismatch"], summary["notes"]) == (MISMATCH, [NOTE])
    assert summary["rows"]["length"] == 64
    html = client.get(f"/c/{slug}").text
    assert NOTE in html
    assert "64 tokens" in html


def test_other_comparisons_say_nothing(client: TestClient, slug: str) -> None:
    assert "These SAEs read different places" not in client.get(f"/c/{slug}").text
    assert client.get(f"/c/{slug}.json").json()["frame"]["warning"] is None

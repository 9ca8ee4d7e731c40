"""The page of one SAE: its facts, and the comparisons in which it takes part."""

from __future__ import annotations

from starlette.testclient import TestClient

from app.records import ComparisonBundle
from app.web.http import links
from tests.web.pages.markup import Document


def test_an_sae_of_a_comparison_has_a_page_without_being_registered(
    client: TestClient, slug: str, bundle: ComparisonBundle
) -> None:
    for side, sae in (("narrow", bundle.summary.narrow.sae), ("reference", bundle.summary.reference.sae)):
        overview = Document(client.get(f"/c/{slug}").text)
        assert links.saes(sae.name) in overview.hrefs()
        page = Document(client.get(links.saes(sae.name)).text)
        assert page.one("h1").text == sae.name
        assert "Not registered here" in page.one("main").text
        assert links.comparison(slug) in page.hrefs()
        assert side in page.one("table", "list").text


def test_a_prefix_leads_to_its_whole_sae() -> None:
    assert links.saes("wide@512") == links.saes("wide") == "/saes/of/wide"


def test_a_registered_sae_has_a_page_whatever_its_name(client: TestClient) -> None:
    name = "release/with slashes:é"
    page = Document(client.get(links.saes(name)).text)
    assert page.one("h1").text == name
    assert "Not registered here" not in page.one("main").text
    assert client.get(f"{links.saes(name)}.json").json()["sae"]["name"] == name


def test_an_unknown_sae_is_not_found(client: TestClient) -> None:
    answer = client.get("/saes/of/nobody")
    assert answer.status_code == 404
    assert "no SAE 'nobody'" in answer.json()["detail"]

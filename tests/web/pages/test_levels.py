"""The family tree between levels, on its page and in the API."""

from __future__ import annotations

import pytest
from starlette.testclient import TestClient

from app.records import ComparisonBundle, LevelLink
from app.web.http import links
from tests.web.pages.markup import Document


@pytest.fixture(scope="module")
def expected(bundle: ComparisonBundle) -> list[LevelLink]:
    """Children that explain most of their parent first."""
    return sorted(bundle.level_links, key=lambda x: (-x.p_child_given_parent, x.parent, x.child))


def test_the_api_has_all_links_page_by_page(client: TestClient, slug: str, expected: list[LevelLink]) -> None:
    url = f"/api/v1/comparisons/{slug}/tree"
    query = {"parent_level": 0, "child_level": 1, "limit": 7}
    answer = client.get(url, params=query).json()
    found = answer["items"]
    while answer["next_offset"] is not None:
        answer = client.get(url, params={**query, "offset": answer["next_offset"]}).json()
        found += answer["items"]
    assert [(x["parent"], x["child"]) for x in found] == [(x.parent, x.child) for x in expected]
    (count,) = answer["levels"]
    parents, children = {x.parent for x in expected}, {x.child for x in expected}
    assert count == {
        "parent_level": 0,
        "child_level": 1,
        "n_links": len(expected),
        "n_parents": len(parents),
        "n_children": len(children),
    }
    assert client.get(f"{url}?parent_level=0").status_code == 400
    assert "single level" in client.get(f"{url}?sae=narrow").json()["reason"]
    child = expected[0].child
    assert [x["parent"] for x in client.get(f"{url}?latent={child}").json()["items"]] == [expected[0].parent]


def test_the_page_shows_the_links_and_their_picture(client: TestClient, slug: str, expected: list[LevelLink]) -> None:
    page = Document(client.get(links.levels(slug)).text)
    tree = page.one("svg", "tree")
    first = expected[:20]
    assert len(page.all("line")) >= len(first)
    for link in first:
        for latent in (link.parent, link.child):
            assert links.latent(slug, "reference", latent) in page.hrefs()
            assert str(latent) in tree.text
    assert "<script> alert" not in client.get(links.levels(slug)).text


def test_around_a_latent(client: TestClient, slug: str, expected: list[LevelLink]) -> None:
    parent = expected[0].parent
    context = client.get(f"/c/{slug}/levels.json?sae=reference&latent={parent}").json()
    own = {x.child for x in expected if x.parent == parent}
    assert {x["child"] for x in context["tree"]["links"]} == own
    page = Document(client.get(f"/c/{slug}/levels?latent={parent}").text)
    assert links.levels(slug, (("sae", "reference"),)) + "#tree" in page.hrefs()


@pytest.mark.parametrize(
    ("query", "status"),
    [("?parents=0", 400), ("?latent=60", 404), ("?latent=x", 400), ("?sae=wide", 400), ("?parents=3&children=9", 200)],
)
def test_other_addresses(client: TestClient, slug: str, query: str, status: int) -> None:
    answer = client.get(f"/c/{slug}/levels{query}", headers={"accept": "text/html"})
    assert answer.status_code == status
    assert status != 200 or "No links between these levels" in answer.text


def test_an_sae_without_levels_says_why(client: TestClient, slug: str) -> None:
    page = Document(client.get(f"/c/{slug}/levels?sae=narrow").text)
    assert "None counted: tiny-narrow has a single level" in page.by_id("tree").text

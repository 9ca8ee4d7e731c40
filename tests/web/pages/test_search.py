"""The search of every page's header: latents by token or index, comparisons and SAEs by name."""

from __future__ import annotations

from starlette.testclient import TestClient

from app.records import ComparisonBundle
from tests.web.pages.markup import Document


def found(client: TestClient, **query: str) -> dict[str, list[str]]:
    """Title of each group -> where its hits lead."""
    groups = client.get("/search.json", params=query).json()["groups"]
    return {group["title"]: [hit["href"] for hit in group["hits"]] for group in groups}


def test_a_number_finds_the_latent_first_then_tokens_with_it(client: TestClient, slug: str) -> None:
    groups = found(client, q="5", **{"in": slug})
    assert groups["Narrow latents of tiny"][0] == f"/c/{slug}/narrow/5"
    assert groups["Reference latents of tiny"][0] == f"/c/{slug}/reference/5"
    assert found(client, q="#5", **{"in": slug}) == {
        "Narrow latents of tiny": [f"/c/{slug}/narrow/5"],
        "Reference latents of tiny": [f"/c/{slug}/reference/5"],
    }


def test_a_token_finds_latents_as_the_table_does(client: TestClient, slug: str, bundle: ComparisonBundle) -> None:
    for q in ("the", '"the"', "the|cat"):
        hits = found(client, q=q, **{"in": slug}).get("Narrow latents of tiny", [])
        table = client.get(f"/c/{slug}/latents.json", params={"q": q, "limit": "6"}).json()["items"]
        assert hits == [f"/c/{slug}/narrow/{latent['index']}" for latent in table]
        assert hits, q


def test_names_of_comparisons_and_saes_are_found(client: TestClient, slug: str) -> None:
    groups = found(client, q="TINY")
    assert f"/c/{slug}" in groups["Comparisons"]
    assert found(client, q="plai")["SAEs"] == ["/saes/of/plain"]


def test_the_page_says_what_can_be_searched_for(client: TestClient, slug: str) -> None:
    empty = Document(client.get("/search").text)
    assert "#151" in empty.one("main").text
    nothing = Document(client.get("/search", params={"q": "nowhere-in-it"}).text)
    assert "Nothing found." in nothing.one("main").text
    assert client.get("/search", params={"q": "x" * 201}).status_code == 400


def test_every_page_of_a_comparison_searches_it(client: TestClient, slug: str) -> None:
    for path, scopes in ((f"/c/{slug}/narrow/0", [slug]), ("/about", [])):
        page = Document(client.get(path).text)
        assert page.by_id("find").attributes["name"] == "q"
        assert [e.attributes["value"] for e in page.all("input") if e.attributes.get("name") == "in"] == scopes


def test_a_comparison_can_be_cited(client: TestClient, slug: str, bundle: ComparisonBundle) -> None:
    page = Document(client.get(f"/c/{slug}").text)
    text = " ".join(each.text for each in page.all("details", "provenance"))
    assert f"@misc{{hedgescope-{bundle.summary.content_hash[:12]}" in text
    assert f"year = {{{bundle.summary.created_at.year}}}" in text


def test_words_of_the_text_are_found_with_the_latents_of_their_tokens(
    client: TestClient, slug: str, bundle: ComparisonBundle
) -> None:
    page = client.get("/search", params={"q": "cat", "in": slug}).text
    section = page[page.index('id="in-text"') :]
    assert "<mark>" in section
    named = {v.index for v in bundle.latents if v.sae == "narrow" and "cat" in v.label.split()}
    assert any(f"/c/{slug}/narrow/{index}" in section for index in named)
    twin = client.get("/search.json", params={"q": "cat", "in": slug}).json()
    assert twin["text"] == [], "suggestions leave the text out, which takes longer"
    assert "In the text" not in client.get("/search", params={"q": "#1", "in": slug}).text


def test_classes_of_tokens_are_offered_and_found(client: TestClient, slug: str, bundle: ComparisonBundle) -> None:
    page = Document(client.get("/search", params={"in": slug}).text)
    assert any("q=:punct" in href and f"in={slug}" in href for href in page.hrefs())
    labels = {v.index: v.label for v in bundle.latents if v.sae == "narrow"}
    n_hits = 0
    for q, is_of in (
        (":digit", str.isdigit),
        (":nonlatin", str.isalpha),
        (":punct", lambda token: not token.isalnum()),
    ):
        for href in found(client, q=q, **{"in": slug}).get("Narrow latents of tiny", []):
            assert all(map(is_of, labels[int(href.rsplit("/", 1)[1])].split(" "))), (q, href)
            n_hits += 1
    assert n_hits


def test_a_random_latent_is_another_one_each_time(client: TestClient, slug: str) -> None:
    answers = [client.get(f"/c/{slug}/random?sae=reference&theme=dark", follow_redirects=False) for _ in range(20)]
    places = {answer.headers["location"] for answer in answers}
    assert len(places) > 3
    assert all(answer.headers["cache-control"] == "no-store" for answer in answers)
    assert all(place.startswith(f"/c/{slug}/reference/") and place.endswith("?theme=dark") for place in places)

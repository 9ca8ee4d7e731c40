"""Every page of every kind of latent renders, well formed, and says the same as its twin."""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
from starlette.testclient import TestClient

from app.catalogue import HEDGING_SCORE_PARTS, LATENT_FIELDS
from app.records import ComparisonBundle
from tests.page_paths import missed
from tests.web.pages.markup import Document

HTML = {"accept": "text/html"}
OTHER_SITES = ("https://arxiv.org/",)


def paths_of(slug: str) -> list[str]:
    below = [
        "",
        "?sae=reference&x=density&y=max_jaccard&color=level&density__gt=0.01&zoom=0.01,0.2,0,1",
        "/latents",
        "/latents?sae=reference&columns=all&limit=7",
        "/latents?hedging_score__gte=0.3&diagnosis__ne=dead&q=a",
        "/latents?hedging_score__isnull=1",
        "/levels",
        "/levels?latent=3",
        "/degree",
        "/intervention",
        "/prompt",
        "/pairs/0/0",
        "/pairs/0/9",
        "/pairs/1/40",
        "/pairs/5/7",
        *(f"/narrow/{index}" for index in range(24)),
        "/narrow/8?sort=-hedging_score&hedging_score__gte=0.2&highlight=partner",
        "/narrow/8?cell=activation&length=whole&duplicates=1&mark=none",
        *(f"/narrow/{i}?cell={cell}" for i in (0, 8) for cell in ("both", "without_main", "partner_without_this")),
        *(f"/reference/{index}" for index in range(0, 60, 7)),
    ]
    return [
        "/",
        "/?x=width&y=explained_variance&sort=-l0&q=ti",
        f"/?of={slug}",
        "/saes",
        "/saes/of/tiny-matryoshka",
        "/saes/of/tiny-narrow",
        "/saes/of/plain",
        "/diff",
        f"/lists?title=Mine&item={slug}/narrow/0+a+note&item=gone/narrow/1",
        f"/diff/{slug}/{slug}",
        "/search?q=a",
        "/about",
        "/lab",
        "/validation",
        "/jobs",
        "/jobs/1",
        "/jobs/2",
        "/compare/new?narrow=plain",
        "/saes/new",
        *(f"/c/{slug}{path}" for path in below),
    ]


@pytest.fixture(scope="module")
def paths(slug: str) -> list[str]:
    return paths_of(slug)


@pytest.fixture(scope="module")
def pages(client: TestClient, paths: list[str]) -> dict[str, Document]:
    """Every page, read; fails where one does not answer or is not well formed."""
    found = {}
    for path in paths:
        answer = client.get(path, headers=HTML)
        assert answer.status_code == 200, (path, answer.text)
        assert answer.headers["content-type"] == "text/html; charset=utf-8"
        found[path] = Document(answer.text)
    return found


def test_no_page_is_forgotten(paths: list[str], slug: str) -> None:
    assert missed([*paths, f"/c/{slug}/random"]) == []


def test_every_page_has_one_heading_and_a_title(pages: dict[str, Document]) -> None:
    for path, page in pages.items():
        assert len(page.all("h1")) == 1, path
        assert page.all("title")[0].text.strip().endswith("· Hedgescope"), path
        descriptions = [e for e in page.all("meta") if e.attributes.get("property") == "og:description"]
        assert descriptions[0].attributes["content"], path


def test_ids_are_unique_and_labels_refer_to_them(pages: dict[str, Document]) -> None:
    for path, page in pages.items():
        ids = [e.attributes["id"] for e in page.elements if "id" in e.attributes]
        assert len(ids) == len(set(ids)), path
        referred = {e.attributes["aria-labelledby"] for e in page.elements if "aria-labelledby" in e.attributes}
        referred |= {e.attributes["aria-describedby"] for e in page.elements if "aria-describedby" in e.attributes}
        assert referred <= set(ids), path


def test_no_script_runs_inline(pages: dict[str, Document]) -> None:
    for path, page in pages.items():
        for script in page.all("script"):
            is_data = script.attributes.get("type") == "application/json"
            assert is_data or (script.attributes["src"].startswith("/static/") and not script.text), path
        assert not [e.tag for e in page.elements for name in e.attributes if name.startswith("on")], path
        assert not [e.tag for e in page.elements if "style" in e.attributes or e.tag == "style"], path


def test_markup_of_tokens_is_escaped(client: TestClient, slug: str) -> None:
    for path in (f"/c/{slug}/latents", f"/c/{slug}", f"/c/{slug}/narrow/0", f"/c/{slug}/pairs/0/0"):
        text = client.get(path).text
        assert "&lt;script&gt;" in text
        assert "<script>" not in text
        assert "\u202e" not in text
        assert "\x00" not in text
        assert "&amp;amp;" in text


def test_every_link_on_a_page_is_answered(client: TestClient, pages: dict[str, Document]) -> None:
    links = {href for page in pages.values() for href in page.hrefs()}
    outside = {href for href in links if urlsplit(href).netloc}
    assert all(href.startswith(OTHER_SITES) for href in outside)
    own = {href.partition("#")[0] for href in links - outside if not href.startswith("#")} - set(pages)
    # One of each shape: latents differ by their number only, and every kind of them is among the pages.
    shapes = {re.sub(r"/\d+", "/0", href): href for href in sorted(own)}
    assert len(shapes) > 50
    wrong = {
        href: status
        for href in shapes.values()
        if (status := client.head(href, follow_redirects=True).status_code) != 200
    }
    assert wrong == {}


def test_about_defines_the_score_in_the_catalogues_words(pages: dict[str, Document]) -> None:
    page = pages["/about"]
    named = [e.text for e in page.all("dt")]
    specs = (LATENT_FIELDS["hedging_score"], *HEDGING_SCORE_PARTS)
    assert named == [spec.title for spec in specs]
    assert [e.text for e in page.all("dd")] == [spec.definition for spec in specs]


def test_anchors_of_definitions_exist(pages: dict[str, Document]) -> None:
    anchors = {e.attributes["id"] for e in pages["/about"].elements if "id" in e.attributes}
    linked = {href for page in pages.values() for href in page.hrefs() if href.startswith("/about#")}
    assert {"/about#hedging_score", "/about#partner-share", "/about#summary-l0"} <= linked
    assert {href.partition("#")[2] for href in linked} <= anchors


def twins(pages: dict[str, Document]) -> Iterator[tuple[str, str]]:
    for path, page in pages.items():
        (link,) = [e for e in page.all("link") if e.attributes.get("rel") == "alternate"]
        yield path, link.attributes["href"]


def test_every_page_has_a_twin_that_names_itself(client: TestClient, pages: dict[str, Document]) -> None:
    for path, twin in twins(pages):
        answer = client.get(twin)
        assert answer.headers["content-type"] == "application/json", path
        assert answer.json()["frame"]["json_url"] == twin


def test_a_twin_is_the_context_of_its_page(client: TestClient, pages: dict[str, Document], slug: str) -> None:
    path = f"/c/{slug}/narrow/0"
    context = client.get(f"{path}.json").json()
    page = pages[path]
    assert f"{context['latent']['hedging_score']:.3f}" in page.one("div", "hedging_score").text
    partners = [row["index"] for row in context["partners"]]
    assert [int(link.rpartition("/")[2]) for link in page.hrefs() if "/pairs/" in link] == partners
    activations = [c["activation"] for group in context["contexts"]["groups"] for c in group["contexts"]]
    assert len(page.all("li", "context")) == len(activations)


def test_a_dead_latent_says_why_there_is_nothing(pages: dict[str, Document], slug: str) -> None:
    page = pages[f"/c/{slug}/narrow/5"]
    tile = page.one("div", "hedging_score")
    assert "–" in tile.text
    assert "never fires on the 690 sampled tokens" in tile.text
    assert "NaN" not in page.elements[0].text
    assert "None" not in tile.text


@pytest.mark.parametrize("path", ["/saes", "/about", "/c/{slug}", "/c/{slug}/narrow/0", "/c/{slug}/latents"])
def test_embedded_pages_have_no_frame(client: TestClient, slug: str, path: str) -> None:
    page = Document(client.get(f"{path.format(slug=slug)}?embed=1").text)
    assert page.all("header", "site") == page.all("footer", "site") == page.all("nav", "crumbs") == []
    assert page.one("base").attributes == {"target": "_blank"}
    assert len(page.all("h1")) == 1


def test_numbers_are_not_nan_or_none_on_any_page(pages: dict[str, Document]) -> None:
    for path, page in pages.items():
        for cell in (*page.all("td"), *page.all("dd")):
            assert not re.search(r"\b(nan|None|inf)\b", cell.text), (path, cell.text)


def test_home_has_each_comparison(pages: dict[str, Document], bundle: ComparisonBundle) -> None:
    text = pages["/"].one("main").text
    assert bundle.summary.narrow.sae.name in text
    assert f"{bundle.summary.n_hedged} of {bundle.summary.n_scored}" in text


def test_saes_say_what_the_preflight_found(pages: dict[str, Document]) -> None:
    text = pages["/saes"].one("main").text
    assert "release/with slashes:é" in text
    assert "decoder norms range from 0.9 to 1.1" in text


def test_inner_levels_are_scored_by_a_filled_in_form(client: TestClient, slug: str) -> None:
    page = Document(client.get(f"/c/{slug}/levels").text)
    (href,) = [href for href in page.hrefs() if "/compare/new?narrow=" in href][:1]
    assert client.get(href).status_code == 200
    assert "hedgescope compare" not in page.one("main").text
    assert "%40" in href


def test_home_begins_with_what_was_found(pages: dict[str, Document]) -> None:
    """A phone shows two or three columns: the name and the result."""
    heads = [e.text.strip() for e in pages["/"].all("th") if e.attributes.get("scope") == "col"]
    assert heads[:3] == ["Comparison", "Hedged latents", "Hedging score, median"]

"""Lists of latents whose address is the list."""

from __future__ import annotations

from urllib.parse import urlencode

import pytest
from starlette.testclient import TestClient

from app.records import ComparisonBundle
from app.web.http import links
from tests.web.pages.markup import Document

HTML = {"accept": "text/html"}


def listed(client: TestClient, *pairs: tuple[str, str]) -> dict[str, object]:
    answer = client.get(f"/lists.json?{urlencode(pairs)}")
    assert answer.status_code == 200
    found: dict[str, object] = answer.json()
    return found


def test_items_are_shown_in_order_with_their_notes(client: TestClient, slug: str, bundle: ComparisonBundle) -> None:
    note = 'not "this" <b>&</b> \u202e'
    path = links.lists((("title", "Mine <i>"), ("item", f"{slug}/narrow/3 {note}"), ("item", "tiny/reference/2")))
    page = Document(client.get(path).text)
    assert page.one("h1").text == "Mine <i>"
    rows = [href for href in page.hrefs() if "/narrow/" in href or "/reference/" in href]
    assert [href for href in rows if href.startswith("/c/")] == [f"/c/{slug}/narrow/3", f"/c/{slug}/reference/2"]
    assert note in page.one("table").text
    assert "<b>" not in client.get(path).text


def test_an_item_is_added_by_the_address_of_a_page_and_removed(client: TestClient, slug: str) -> None:
    address = f"http://testserver/c/{slug}/narrow/7?sort=-density#contexts"
    context = listed(client, ("title", "A"), ("item", f"{slug}/narrow/1"), ("add", address), ("note", "new"))
    items = context["items"]
    assert isinstance(items, list)
    assert [item["value"] for item in items] == [f"{slug}/narrow/1", f"{slug}/narrow/7 new"]
    fewer = Document(client.get(items[0]["without"]).text)
    hidden = [e.attributes["value"] for e in fewer.all("input") if e.attributes.get("name") == "item"]
    assert hidden == [f"{slug}/narrow/7 new"]
    assert fewer.one("h1").text == "A"


def test_what_is_not_stored_here_says_so_and_stays(client: TestClient, slug: str) -> None:
    page = Document(client.get(f"/lists?item=gone/narrow/1+kept&item={slug}/narrow/9999&item=a%00/narrow/1").text)
    assert page.one("table").text.count("Not found here") == 3
    assert "kept" in page.one("table").text


@pytest.mark.parametrize(
    "query",
    [
        "item=nonsense",
        "item=a/wide/1",
        f"title={'x' * 501}",
        f"item=a/narrow/1+{'x' * 501}",
        "&".join(["item=a/narrow/1"] * 51),
        "items=a",
    ],
)
def test_what_is_wrong_is_refused(client: TestClient, query: str) -> None:
    assert client.get(f"/lists?{query}", headers=HTML).status_code == 400


def test_a_latents_page_leads_to_a_list_with_it(client: TestClient, slug: str) -> None:
    page = Document(client.get(f"/c/{slug}/narrow/4?sort=-density").text)
    (href,) = [e.attributes["href"] for e in page.all("a") if "data-add-to-list" in e.attributes]
    items = listed(client, ("item", f"{slug}/narrow/4"))["items"]
    assert client.get(href.replace("/lists?", "/lists.json?")).json()["items"] == items
    assert f"/c/{slug}#cite" in page.hrefs()
    assert Document(client.get(f"/c/{slug}").text).by_id("cite").tag == "div"

"""Latents pinned to the grid over one's own text, and the examples."""

from __future__ import annotations

import pytest
from starlette.testclient import TestClient

from tests.inference.place import Place
from tests.live.test_page import send
from tests.web.pages.markup import Document

TEXT = "w1 w2 w3 w4"


def strips(page: Document) -> dict[str, int]:
    """Latent to the number of tokens on which its strip has a mark."""
    labels = [e.attributes["aria-label"] for e in page.all("svg", "strip")]
    return {label.partition(" fires")[0]: int(label.partition(" on ")[2].split()[0]) for label in labels}


def test_pinned_latents_stand_in_their_order_also_where_they_are_silent(client: TestClient, place: Place) -> None:
    page = send(client, place, TEXT, "?pin=reference:3,narrow:0,reference:3")
    assert list(strips(page)) == ["reference 3", "narrow 0"]
    answer = client.post(
        f"/api/v1/comparisons/{place.slug}/prompt",
        json={"text": TEXT, "latents": [{"sae": "reference", "index": 3}, {"sae": "narrow", "index": 0}]},
    ).json()
    firings = {f"{x['sae']} {x['index']}": len(x["firings"]) for x in answer["latents"]}
    assert strips(page) == {name: firings[name] for name in ("reference 3", "narrow 0")}
    marks = [e for e in page.all("rect") if "fill-opacity" in e.attributes]
    assert len(marks) == sum(strips(page).values())


def test_a_button_pins_and_unpins_and_keeps_the_chosen_latent(client: TestClient, place: Place) -> None:
    page = send(client, place, TEXT, "?latent=reference:3&pin=narrow:0")
    urls = {e.attributes["aria-label"]: e.attributes["formaction"] for e in page.all("button", "pin")}
    below = f"/c/{place.slug}/prompt"
    assert urls["Pin reference 3"] == f"{below}?latent=reference:3&pin=narrow:0,reference:3"
    assert urls["Unpin narrow 0"] in (f"{below}?latent=reference:3", f"{below}?latent=narrow:0")
    assert page.by_id("prompt-form").attributes["action"] == f"{below}?latent=reference:3&pin=narrow:0"
    choices = [e.attributes["formaction"] for e in page.elements if "data-latent" in e.attributes]
    assert choices
    assert all("&pin=narrow:0" in url for url in choices)


def test_without_pins_the_most_active_latents_are_shown(client: TestClient, place: Place) -> None:
    found = strips(send(client, place, TEXT))
    assert 0 < len(found) <= 8
    assert all(found.values())


def test_ten_are_pinned_at_most(client: TestClient, place: Place) -> None:
    ten = ",".join(f"reference:{i}" for i in range(10))
    page = send(client, place, TEXT, f"?pin={ten}&latent=narrow:0")
    assert len(strips(page)) == 10
    assert {e.text for e in page.all("button", "pin")} == {"Unpin"}
    assert client.get(f"/c/{place.slug}/prompt?pin={ten},reference:10").status_code == 400


@pytest.mark.parametrize("query", ["pin=wide:1", "pin=narrow:x", "pin=narrow:100000", "example=3", "example=-1"])
def test_what_is_wrong_is_refused(client: TestClient, place: Place, query: str) -> None:
    assert client.get(f"/c/{place.slug}/prompt?{query}").status_code == 400


def test_an_example_is_a_link_that_fills_the_box(client: TestClient, place: Place) -> None:
    page = Document(client.get(f"/c/{place.slug}/prompt?pin=narrow:0").text)
    examples = [href for href in page.hrefs() if "example=" in href]
    assert len(examples) == 3
    assert all("pin=narrow:0" in href for href in examples)
    filled = Document(client.get(examples[1]).text)
    assert filled.one("textarea").text.strip().startswith("Le chat")

"""`/c/{slug}/prompt` as a plain form."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import quote

import pytest
from starlette.testclient import TestClient

from app.inference.client import nowhere
from app.web.main import create_app
from tests.inference.place import Place
from tests.js.node import call
from tests.local_client import local_client
from tests.web.pages.markup import Document

FORM = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "text/html"}


def send(client: TestClient, place: Place, text: str, query: str = "", **headers: str) -> Document:
    response = client.post(f"/c/{place.slug}/prompt{query}", content=f"text={quote(text)}", headers={**FORM, **headers})
    assert response.status_code == 200, response.text
    assert response.headers["cache-control"] == "no-store"
    return Document(response.text)


def by_class(document: Document, name: str) -> list[str]:
    return [element.text.strip() for element in document.elements if name in element.classes]


def test_the_empty_page_has_the_box(client: TestClient, place: Place) -> None:
    response = client.get(f"/c/{place.slug}/prompt")
    assert response.status_code == 200
    document = Document(response.text)
    assert [element.attributes["name"] for element in document.elements if element.tag == "textarea"] == ["text"]
    notices = [element for element in document.elements if "notice" in element.classes]
    assert all("hidden" in notice.attributes for notice in notices), "nothing is said before something happens"
    assert client.get(f"/c/{place.slug}/prompt.json").json()["rows"] == []


def test_a_text_is_shown_token_by_token(client: TestClient, place: Place) -> None:
    document = send(client, place, "w1 w2 w3 w4")
    rows = [element for element in document.elements if element.tag == "tr" and "id" in element.attributes]
    assert [row.attributes["id"] for row in rows] == [f"t{k}" for k in range(5)]
    assert "not scored" in rows[0].text
    tokens = [element for element in document.elements if "data-token" in element.attributes]
    assert "".join(token.text for token in tokens[1:]).split() == ["w1", "w2", "w3", "w4"]
    buttons = [element for element in document.elements if "data-latent" in element.attributes]
    assert buttons
    assert all(button.attributes["formaction"].startswith(f"/c/{place.slug}/prompt?latent=") for button in buttons)
    assert not any("w1" in element.attributes.get("href", "") for element in document.elements)


def test_a_latent_is_chosen_by_the_address(client: TestClient, place: Place) -> None:
    document = send(client, place, place.documents[0], "?latent=reference:3")
    title = next(element for element in document.elements if element.attributes.get("id") == "chosen-title")
    assert "Reference 3" in title.text
    forms = [element for element in document.elements if element.attributes.get("id") == "prompt-form"]
    assert [form.attributes["action"] for form in forms] == [f"/c/{place.slug}/prompt?latent=reference:3"]


def templates(page: str) -> dict[str, tuple[dict[str, str], str]]:
    """Latent to the attributes and the markup that the script shows it with."""
    attribute = r'data-(\w+)="([^"]*)"'
    found = (
        (dict(re.findall(attribute, head)), body)
        for head, body in re.findall(r"<template ([^>]*)>(.*?)</template>", page, re.DOTALL)
    )
    return {attributes["shown"]: (attributes, body) for attributes, body in found}


def test_the_script_shows_a_latent_as_the_server_does(client: TestClient, place: Place) -> None:
    def page_of(query: str = "") -> str:
        text = client.post(f"/c/{place.slug}/prompt{query}", content=f"text={quote(place.documents[0])}", headers=FORM)
        return text.text

    known = templates(page_of())
    tokens = [each for each in Document(page_of()).elements if "data-token" in each.attributes]
    with_partner = [name for name, (attributes, _) in known.items() if attributes["partner"]]
    assert with_partner
    for name in (*with_partner[:2], *list(known)[-2:]):
        page = page_of(f"?latent={name}")
        attributes, markup = known[name]
        box = re.search(r'<section class="chosen"[^>]*>\n(.*?)\n</section>', page, re.DOTALL)
        assert box is not None
        assert box[1] == markup
        latent, partner = latents_of(known, name, attributes["partner"])
        document = Document(page)
        calls = [[token.classes, int(token.attributes["data-token"]), latent, partner] for token in tokens]
        shown = {each.attributes["data-token"]: each for each in document.elements if "data-token" in each.attributes}
        for token, classes in zip(tokens, call("prompt-latent.js", "tokenClasses", calls), strict=True):
            assert set(classes) == set(shown[token.attributes["data-token"]].classes)
        cells = [each.text for each in document.elements if "chosen-value" in each.classes]
        calls = [[token, latent, partner] for token in range(len(cells))]
        texts = call("prompt-latent.js", "shownActivations", calls)
        assert cells == [(text["own"] or "") + (text["other"] or "") for text in texts]


def latents_of(known: dict[str, tuple[dict[str, str], str]], *names: str) -> list[Any]:
    """Latents as the script reads them; null where a latent has no partner."""
    given = [[known[name][0]] for name in names if name]
    return [*call("prompt-latent.js", "readLatent", given), None][: len(names)]


def test_text_is_escaped(client: TestClient, place: Place) -> None:
    response = client.post(
        f"/c/{place.slug}/prompt", content="text=" + quote("</textarea><script>alert(1)</script>"), headers=FORM
    )
    assert response.status_code == 200
    assert "<script>alert" not in response.text
    assert "&lt;script&gt;" in response.text


def test_line_ends_of_the_form_are_the_texts(client: TestClient, place: Place) -> None:
    one, other = send(client, place, "w1\r\nw2"), send(client, place, "w1\nw2")
    shown = [[e.text for e in document.elements if "data-token" in e.attributes] for document in (one, other)]
    assert shown[0] == shown[1]


@pytest.mark.parametrize(
    ("body", "status", "words"),
    [
        (b"text=", 400, "empty"),
        (b"", 400, "empty"),
        (b"text=%ff%fe", 400, "UTF-8"),
        (b"text=\xff", 400, "UTF-8"),
        (b"&".join(b"a=1" for _ in range(200)), 400, "fields"),
        (b"text=" + b"w1+" * 2000, 400, "2001 tokens"),
        (b"text=" + b"w" * 10_000_000, 413, "at most"),
    ],
)
def test_what_is_wrong_is_said_on_a_page(
    client: TestClient, place: Place, body: bytes, status: int, words: str
) -> None:
    response = client.post(f"/c/{place.slug}/prompt", content=body, headers=FORM)
    assert response.status_code == status
    assert response.headers["content-type"].startswith("text/html")
    assert words in response.text


@pytest.mark.parametrize(
    "latent", ["narrow", "narrow:", "other:1", "narrow:-1", "narrow:6", "narrow:x", "narrow:9999999999"]
)
def test_a_latent_that_is_none_is_refused(client: TestClient, place: Place, latent: str) -> None:
    assert client.get(f"/c/{place.slug}/prompt", params={"latent": latent}).status_code == 400


def test_the_text_is_no_parameter(client: TestClient, place: Place) -> None:
    assert client.get(f"/c/{place.slug}/prompt", params={"text": "w1"}).status_code == 400


def test_another_sites_form_is_refused(client: TestClient, place: Place) -> None:
    for headers in ({"Sec-Fetch-Site": "cross-site"}, {"Origin": "https://evil.example"}):
        response = client.post(f"/c/{place.slug}/prompt", content="text=w1", headers={**FORM, **headers})
        assert response.status_code == 403


def test_a_latents_page_has_the_box_for_it(client: TestClient, place: Place) -> None:
    document = Document(client.get(f"/c/{place.slug}/narrow/3").text)
    forms = [element for element in document.elements if element.attributes.get("id") == "prompt-form"]
    assert [form.attributes["action"] for form in forms] == [f"/c/{place.slug}/prompt?latent=narrow:3"]


def test_without_a_worker_everything_else_is_up(place: Place) -> None:
    app = create_app(place.settings(), place.engine, nowhere("the worker is away for a test"))
    with local_client(app) as client:
        for path in ("/", f"/c/{place.slug}", f"/c/{place.slug}/narrow/0", f"/api/v1/comparisons/{place.slug}/latents"):
            assert client.get(path).status_code == 200
        page = client.get(f"/c/{place.slug}/prompt")
        assert page.status_code == 200
        assert "the worker is away for a test" in page.text
        sent = client.post(f"/c/{place.slug}/prompt", content="text=keep+this", headers=FORM)
        assert sent.status_code == 503
        assert "the worker is away for a test" in sent.text
        assert "keep this</textarea>" in sent.text
        assert client.get("/api/v1/worker").json() == {"available": False, "reason": "the worker is away for a test"}

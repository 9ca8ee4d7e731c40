"""A text of one's own in a real browser: another latent is shown without asking the server again."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Page, Request
from pydantic import SecretStr

from app.inference.client import fixed
from app.web.main import create_app
from tests.e2e.conftest import OpenTab, served
from tests.inference.place import SECRET, Place, make_place

PRESSED = "button[data-latent][aria-pressed=true]"
ASKING = ("document", "fetch", "xhr")
"""Kinds of requests that would render anything anew; the browser may fetch an icon at any time."""

CLASSES = "(tokens) => tokens.map((token) => token.className)"


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    made = make_place(tmp_path_factory.mktemp("prompt"))
    yield made
    made.engine.dispose()


@pytest.fixture(scope="module")
def server(place: Place) -> Iterator[str]:
    """The address of the pages of a comparison whose worker reads texts."""
    with contextmanager(served)(place.app()) as worker:
        yield from served(create_app(place.settings(), place.engine, fixed(worker, SecretStr(SECRET))))


def shown(page: Page) -> tuple[str, list[str], list[str]]:
    """The chosen latent's box, the classes of the text's tokens, and the column of its activations."""
    classes: list[str] = page.locator("#live-text [data-token]").evaluate_all(CLASSES)
    words = [set(names.split()) for names in classes]
    return (
        page.locator("#chosen").inner_html().strip(),
        ["".join(sorted(each)) for each in words],
        page.locator(".chosen-value").all_inner_texts(),
    )


def test_a_latent_is_shown_at_once_and_as_the_server_shows_it(open_tab: OpenTab, place: Place) -> None:
    page = open_tab(f"/c/{place.slug}/prompt")
    page.fill("#prompt-text", place.documents[0])
    page.get_by_role("button", name="Run text").click()
    page.wait_for_selector(PRESSED)
    before = shown(page)
    requests: list[Request] = []
    page.on("request", lambda request: requests.append(request) if request.resource_type in ASKING else None)
    other = page.locator("template[data-partner*=':']").last.get_attribute("data-shown")
    page.locator(f"button[data-latent='{other}']").first.click()
    page.wait_for_selector(f"{PRESSED}[data-latent='{other}']")
    after = shown(page)
    assert requests == []
    assert after != before
    assert page.url.endswith(f"/prompt?latent={other}")
    assert page.locator("#prompt-text").input_value() == place.documents[0]
    # The form now asks for this latent: the server's answer is the same page.
    page.get_by_role("button", name="Run text").click()
    page.wait_for_selector(f"{PRESSED}[data-latent='{other}']")
    assert requests
    assert shown(page) == after


def test_a_text_travels_behind_the_hash_and_is_never_sent_by_itself(open_tab: OpenTab, place: Place) -> None:
    page = open_tab(f"/c/{place.slug}/prompt?pin=narrow:0", permissions=["clipboard-read", "clipboard-write"])
    page.fill("#prompt-text", "w1 & w2 #é")
    page.click("[data-copy-text]")
    page.wait_for_function("() => document.querySelector('[data-copy-text]').textContent === 'Link copied'")
    link: str = page.evaluate("navigator.clipboard.readText()")
    sent: list[str] = []
    page.on("request", lambda request: sent.append(f"{request.url} {request.post_data}"))
    page.goto("about:blank")
    page.goto(link)
    page.wait_for_function("() => document.getElementById('prompt-text').value !== ''")
    assert page.input_value("#prompt-text") == "w1 & w2 #é"
    assert not [each for each in sent if "w2" in each.partition("#")[0]]
    page.get_by_role("button", name="Run text").click()
    page.wait_for_selector("table.grid .strip.narrow")
    assert page.locator("table.grid tbody tr").count() == 1
    page.locator("#chosen button.pin").click()
    page.wait_for_selector("table.grid tbody tr:nth-child(2)")
    assert page.input_value("#prompt-text") == "w1 & w2 #é"

"""A real server and a real browser, one of each for a module of browser tests.

Not for the whole session: Playwright keeps an event loop running as long as its browser is open, and tests elsewhere
run loops of their own.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
import uvicorn
from fastapi import FastAPI
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, ViewportSize, sync_playwright

from tests.e2e.browser import ensure_browser
from tests.e2e.serve_tiny import tiny_app
from tests.waiting import wait_until

LAUNCH_ARGUMENTS = [
    # As root, in a container, Chromium refuses its sandbox; the pages are our own.
    "--no-sandbox",
    # WebGL in software, the same on machines with and without a graphics card.
    "--use-gl=angle",
    "--use-angle=swiftshader",
    "--enable-unsafe-swiftshader",
]
HARMLESS = ("GPU stall due to ReadPixels", "GL Driver Message")
"""What software WebGL says to the console."""

DRAWN_MS = 60_000
"""Longest wait for a plot: the bundle is 5 MB to parse, and the machine may be busy."""

DESKTOP: ViewportSize = {"width": 1280, "height": 900}

OpenTab = Callable[..., Page]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a server with two comparisons."""
    yield from served(tiny_app(tmp_path_factory.mktemp("data")))


def served(app: FastAPI) -> Iterator[str]:
    """The address of an application, served for as long as the iterator is held."""
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="warning"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    wait_until(lambda: server.started or not thread.is_alive())
    assert server.started, "the server did not start"
    host, port = server.servers[0].sockets[0].getsockname()[:2]
    yield f"http://{host}:{port}"
    server.should_exit = True
    thread.join(timeout=10)


@pytest.fixture(scope="module")
def slugs(server: str) -> dict[str, str]:
    """Name to slug."""
    rows = httpx.get(f"{server}/index.json").json()["rows"]
    return {row["summary"]["name"]: row["summary"]["slug"] for row in rows}


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """The browser."""
    # Found first: the search may itself open Playwright, which can't be opened twice.
    program = ensure_browser()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=LAUNCH_ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture
def complaints() -> list[str]:
    """What pages said to the console as errors or warnings; a test that opened a tab fails where there is any."""
    return []


@pytest.fixture(scope="module")
def desktop(chromium: Browser, server: str) -> Iterator[BrowserContext]:
    """One profile for all tests that ask for nothing special: it keeps the 5 MB of Plotly."""
    context = chromium.new_context(base_url=server, viewport=DESKTOP, color_scheme="light")
    yield context
    context.close()


@pytest.fixture
def open_tab(chromium: Browser, desktop: BrowserContext, server: str, complaints: list[str]) -> Iterator[OpenTab]:
    """Opens a path in a new tab; with options of Playwright's `new_context`, in a profile of its own."""
    opened: list[Page | BrowserContext] = []

    def open_path(path: str, **options: Any) -> Page:
        context = desktop
        if options:
            context = chromium.new_context(
                **{"base_url": server, "viewport": DESKTOP, "color_scheme": "light", **options}
            )
        page = context.new_page()
        opened.append(context if options else page)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", lambda message: complaints.extend(_complaint(message)))
        page.goto(path)
        return page

    yield open_path
    for one in opened:
        one.close()
    assert complaints == []


def _complaint(message: ConsoleMessage) -> list[str]:
    """The message, where it is one."""
    is_harmless = any(text in message.text for text in HARMLESS)
    return [message.text] if message.type in ("error", "warning") and not is_harmless else []


def wait_until_drawn(page: Page, selector: str = ".plot") -> None:
    """Wait until every plot on the page has been drawn."""
    for plot in page.locator(selector).all():
        page.wait_for_selector(f"#{plot.get_attribute('id')}[data-drawn=true]", timeout=DRAWN_MS)

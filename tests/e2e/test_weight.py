"""What a page costs: every page but the overview weighs at most 100 kB and needs no plotting library."""

from __future__ import annotations

from playwright.sync_api import Browser

from tests.e2e.test_everywhere import paths_of

MOST_BYTES = 100_000


def weights(chromium: Browser, server: str, paths: list[str]) -> dict[str, float]:
    """Bytes over the network for each path with an empty cache."""
    found = {}
    for path in paths:
        context = chromium.new_context(base_url=server)
        page = context.new_page()
        session = context.new_cdp_session(page)
        session.send("Network.enable")
        loaded: list[float] = []
        session.on("Network.loadingFinished", lambda event, into=loaded: into.append(event["encodedDataLength"]))
        page.goto(path)
        page.wait_for_load_state("networkidle")
        found[path] = sum(loaded)
        context.close()
    return found


def test_every_page_but_the_overview_is_light(chromium: Browser, server: str, slugs: dict[str, str]) -> None:
    slug = slugs["wide"]
    found = weights(chromium, server, [path for path in paths_of(slug) if path != f"/c/{slug}"])
    assert all(found.values())
    assert {path: weight for path, weight in found.items() if weight > MOST_BYTES} == {}

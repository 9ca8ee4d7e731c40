"""axe-core finds nothing serious on any page, light, dark, and on a phone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import axe_playwright_python
import pytest
from playwright.sync_api import Page, ViewportSize

from tests.e2e.conftest import DESKTOP, OpenTab
from tests.e2e.test_everywhere import PHONE, paths_of

AXE = Path(axe_playwright_python.__file__).with_name("axe.min.js")
RUN = """() => axe.run(document, { runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
  resultTypes: ["violations"] })"""
GRAVE = {"serious", "critical"}
FORMS = ["/compare/new", "/saes/new", "/jobs"]


def violations(page: Page) -> list[str]:
    """What axe finds that is serious, each with the elements."""
    # The policy allows scripts of the site alone; axe is not one.
    page.evaluate(AXE.read_text())
    found: dict[str, Any] = page.evaluate(RUN)
    return [
        f"{one['id']}: {[node['html'][:120] for node in one['nodes']][:3]}"
        for one in found["violations"]
        if one["impact"] in GRAVE
    ]


@pytest.mark.parametrize(
    ("scheme", "viewport"), [("light", DESKTOP), ("dark", DESKTOP), ("light", PHONE)], ids=["light", "dark", "phone"]
)
def test_nothing_serious_on_any_page(
    open_tab: OpenTab, slugs: dict[str, str], complaints: list[str], scheme: str, viewport: ViewportSize
) -> None:
    page = open_tab("about:blank", viewport=viewport, color_scheme=scheme)
    wrong = {}
    for path in [*paths_of(slugs["tiny"]), *FORMS, f"/c/{slugs['tiny']}/prompt"]:
        page.goto(path)
        if found := violations(page):
            wrong[path] = found
    complaints.clear()  # the page of an error is one to the console
    assert wrong == {}

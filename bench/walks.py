"""What a reader does on the pages, task by task, and what it takes: clicks and keys."""

from __future__ import annotations

import io
import re
from functools import partial
from typing import Any

import httpx
import pandas  # type: ignore[import-untyped]
from playwright.sync_api import Locator, Page, Response

TEXT = "She did not say where the money went, but everyone at the bank had an idea."
JOB_S = 300


class Walk:
    """One task in a tab of its own; counts what the reader does.

    Attributes:
        clicks, keys: of the mouse, and pressed or typed.
        found: what the reader learned, in words.
    """

    def __init__(self, tab: Page, base: str, name: str) -> None:
        self.tab, self.base, self.name, self.clicks, self.keys, self.found = tab, base, name, 0, 0, ""

    @property
    def demo(self) -> Locator:
        """The link to the comparison, in the list of all."""
        return self.tab.locator("main").get_by_role("link", name=self.name, exact=True)

    def click(self, what: Any) -> None:
        """Click an element, given by a locator or a selector."""
        (self.tab.locator(what).first if isinstance(what, str) else what.first).click()
        self.clicks += 1

    def choose(self, selector: str, value: str) -> None:
        """Choose from a list: two clicks."""
        self.tab.locator(selector).first.select_option(value)
        self.clicks += 2

    def press(self, *keys: str) -> None:
        """Press keys one after another."""
        for key in keys:
            self.tab.keyboard.press(key)
            self.keys += 1

    def type(self, text: str) -> None:
        """Type a text where the focus is."""
        self.tab.keyboard.type(text)
        self.keys += len(text)

    def link(self, name: str, within: str = "main") -> Any:
        """A link by the words in it."""
        return self.tab.locator(within).get_by_role("link", name=name)

    def open_demo(self) -> None:
        """From the list of comparisons to the demo's overview, drawn."""
        self.tab.goto(self.base)
        self.click(self.demo)
        self.drawn()

    def drawn(self) -> None:
        """Wait for the plot and what follows it."""
        self.tab.wait_for_selector("#scatter[data-linked=true]", timeout=60_000)


def most_hedged(walk: Walk) -> None:
    """T1. Which latent hedges most, with what, and can I believe it?"""
    walk.open_demo()
    walk.click("table.top tbody a.index")
    walk.tab.wait_for_selector("h1")
    verdict = walk.tab.locator(".verdict").first
    walk.found = " ".join((verdict if verdict.count() else walk.tab.locator("h1")).inner_text().split())[:300]


def find_tokens(walk: Walk) -> None:
    """T2. Find the latents of " not", of numbers and of French articles."""
    walk.open_demo()
    counts = []
    for q in ('" not"', ":digit", "le|la|les"):
        walk.press("/")
        walk.tab.locator("#find").fill("")
        with walk.tab.expect_response(partial(searches, q)):
            walk.type(q)
        walk.tab.wait_for_selector("#find-list [role=option]")
        walk.tab.wait_for_timeout(100)
        counts.append(f"`{q}`: {walk.tab.locator('#find-list b').first.inner_text()}")
    walk.press("ArrowDown", "ArrowUp")
    walk.press("Escape", "Enter")
    walk.tab.wait_for_url("**/search?**")
    walk.found = "; ".join(counts)


def searches(q: str, answer: Response) -> bool:
    """Whether an answer has the suggestions for a search."""
    return bool(httpx.URL(answer.url).params.get("q") == q)


def partner_alone(walk: Walk) -> None:
    """T3. Does the latent fire with its mixed-in partner where the main one is silent?"""
    walk.open_demo()
    walk.click("table.top tbody a.index")
    tab = walk.tab.locator(".cell-tabs").get_by_role("link", name=re.compile("Mixed-in without main"))
    walk.click(tab)
    walk.tab.wait_for_url("**cell=**")
    walk.found = f"{walk.tab.locator('li.context').count()} contexts; {tab.first.inner_text()}"
    walk.tab.locator("#contexts").scroll_into_view_if_needed()


def filter_and_send(walk: Walk) -> None:
    """T4. Rare hedged latents, coloured by c_dec: narrow them down and send the link."""
    walk.open_demo()
    walk.click("[data-field=diagnosis] [data-value=hedged]")
    walk.drawn()
    walk.choose("select[name=x]", "density")
    walk.drawn()
    walk.choose("select[name=color]", "c_dec")
    walk.drawn()
    walk.choose("#scatter-drag", "lasso")
    lasso(walk.tab)
    walk.clicks += 1
    walk.tab.wait_for_url("**__inside=**")
    walk.drawn()
    count = walk.tab.locator("#scatter-count").inner_text()
    again = walk.tab.context.new_page()
    again.goto(walk.tab.url)
    again.wait_for_selector("#scatter[data-linked=true]", timeout=60_000)
    same = again.locator("#scatter-count").inner_text() == count
    again.close()
    walk.found = f"{count}; the link shows {'the same' if same else 'something else'}"
    walk.tab.locator("#explore").scroll_into_view_if_needed()


def lasso(tab: Page) -> None:
    """Draw around the left half of the plot."""
    tab.locator("#scatter").scroll_into_view_if_needed()
    tab.wait_for_timeout(300)
    box = tab.locator("#scatter .nsewdrag").first.bounding_box()
    assert box is not None
    shares = [(0.05, 0.1), (0.5, 0.08), (0.55, 0.9), (0.08, 0.95), (0.05, 0.1)]
    corners = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in shares]
    tab.mouse.move(*corners[0])
    tab.mouse.down()
    for place in corners[1:]:
        tab.mouse.move(*place, steps=5)
    tab.mouse.up()


def parents(walk: Walk) -> None:
    """T5. Which latents of an inner level have which children further out?"""
    walk.open_demo()
    walk.click(walk.link("Levels"))
    walk.tab.wait_for_selector("#tree")
    choices = walk.tab.locator(".tree-levels a")
    if choices.count() > 1:
        walk.click(choices.nth(1))
    walk.tab.locator("#tree").scroll_into_view_if_needed()
    rows = walk.tab.locator("#tree tbody tr")
    walk.found = f"{rows.count()} links; first: {' '.join(rows.first.inner_text().split())[:120]}"


def own_text(walk: Walk) -> None:
    """T6. What does a sentence of my own set off?"""
    walk.open_demo()
    walk.click(walk.link("Try your text"))
    walk.click("textarea[name=text]")
    walk.type(TEXT)
    walk.click(walk.tab.get_by_role("button", name="Run text"))
    walk.tab.wait_for_selector("#rows-title", timeout=120_000)
    walk.found = f"{walk.tab.locator('table.prompt-rows tbody tr').count()} tokens read"


def new_comparison(walk: Walk) -> None:
    """T7. Compare the inner level of an SAE with the whole of it, and follow the job."""
    walk.tab.goto(walk.base)
    walk.click(walk.link("New comparison"))
    walk.choose("select[name=narrow]", "demo-matryoshka@512")
    walk.choose("select[name=reference]", "demo-matryoshka")
    for name, text in (("text", "text.jsonl"), ("tokens", "3000"), ("name", "prefix-3000")):
        walk.click(f"input[name={name}]")
        walk.type(text)
    walk.click(walk.tab.get_by_role("button", name="Start comparison"))
    if not re.search(r"/jobs/\d+", walk.tab.url):
        walk.click(walk.tab.get_by_role("button", name="Start comparison"))
    walk.tab.wait_for_url(re.compile(r"/jobs/\d+"))
    walk.tab.wait_for_selector(".result a, .notice[role=alert]", timeout=1000 * JOB_S)
    walk.found = " ".join(walk.tab.locator("main").inner_text().split())[:140]


def into_pandas(walk: Walk) -> None:
    """T8. Take the filtered latents into pandas."""
    walk.open_demo()
    walk.click(walk.link("Latents"))
    walk.click(walk.tab.locator("[data-field=diagnosis]").get_by_role("link", name=re.compile("^hedged")))
    url = walk.tab.get_by_role("link", name="CSV", exact=True).first.evaluate("(link) => link.href")
    walk.clicks += 1
    frame = pandas.read_csv(io.StringIO(httpx.get(url, timeout=60).text))
    walk.found = f"`pandas.read_csv(link)`: {len(frame)} rows, {len(frame.columns)} columns"


def two_comparisons(walk: Walk) -> None:
    """T10. Which latents differ between two comparisons?"""
    walk.tab.goto(walk.base)
    boxes = walk.tab.locator("input[name=of]")
    for place in range(2):
        walk.click(boxes.nth(place))
    walk.click(walk.tab.get_by_role("button", name="Compare the two selected"))
    walk.tab.wait_for_url("**/diff/**")
    walk.found = " ".join(walk.tab.locator("main h1").inner_text().split())


def by_keyboard(walk: Walk) -> None:
    """T9. Without a mouse: open a latent from the table, then the next one, back to the overview, and search."""
    walk.tab.goto(walk.base)
    walk.demo.first.focus()
    walk.press("Enter")
    walk.drawn()
    walk.press("g", "l")
    walk.tab.wait_for_url("**/latents**")
    walk.press("j", "j", "Enter")
    walk.tab.wait_for_url("**/narrow/**")
    first = walk.tab.url
    walk.press("j")
    walk.tab.wait_for_function("(url) => location.href !== url", arg=first)
    walk.press("g", "o")
    walk.tab.wait_for_selector("#scatter")
    walk.press("/")
    walk.type("#151")
    walk.tab.wait_for_selector("#find-list [role=option]")
    walk.press("ArrowDown", "Enter")
    walk.tab.wait_for_url("**/narrow/151**")
    walk.found = "all by keys; ends on " + " ".join(walk.tab.locator("h1").inner_text().split())


def without_script(walk: Walk) -> None:
    """T9. Without JavaScript: answer, table, latent, contexts."""
    walk.tab.goto(walk.base)
    walk.click(walk.demo)
    walk.click(walk.link("Latents"))
    walk.click(walk.tab.locator("[data-field=diagnosis]").get_by_role("link", name=re.compile("^hedged")))
    walk.click("a.index")
    walk.found = (
        f"{walk.tab.locator('li.context').count()} contexts on the latent's page, its plots drawn by the server"
    )

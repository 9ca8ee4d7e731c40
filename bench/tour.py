"""Ten tasks of a reader, done in a real browser: clicks, keys, seconds and pictures.

    python -m bench.tour --url http://127.0.0.1:8000

The server has the comparison `demo`, a worker and a job runner, as `hedgescope demo` starts them, and the bundled text
in its input folder under `text.jsonl`. Writes `docs/images/*.webp` and the
table of `docs/tour.md`.
"""

from __future__ import annotations

import base64
import io
import os
import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pandas  # type: ignore[import-untyped]
from playwright.sync_api import Browser, Page, Response, ViewportSize, sync_playwright

from bench.machine import say
from bench.output import command_line, table
from tests.e2e.browser import ensure_browser
from tests.e2e.conftest import LAUNCH_ARGUMENTS

DOCS = Path(__file__).parents[1] / "docs"
DESKTOP: ViewportSize = {"width": 1440, "height": 900}
PHONE: ViewportSize = {"width": 390, "height": 844}
SLUG = re.compile(r"/c/(?P<slug>[^/?#]+)")
TEXT = "She did not say where the money went, but everyone at the bank had an idea."
JOB_S = 600
TO_WEBP = """async (png) => {
  const image = new Image();
  image.src = `data:image/png;base64,${png}`;
  await image.decode();
  const scale = Math.min(1, 1000 / image.width);
  const canvas = Object.assign(document.createElement("canvas"), {
    width: image.width * scale, height: image.height * scale,
  });
  const context = canvas.getContext("2d");
  context.imageSmoothingQuality = "high";
  context.drawImage(image, 0, 0, canvas.width, canvas.height);
  return canvas.toDataURL("image/webp", 0.82).split(",")[1];
}"""


class Walk:
    """One task in a tab of its own; counts what the reader does.

    Attributes:
        clicks, keys: of the mouse, and pressed or typed.
        found: what the reader learned, in words.
    """

    def __init__(self, tab: Page, base: str) -> None:
        self.tab, self.base, self.clicks, self.keys, self.found = tab, base, 0, 0, ""

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
        self.click(self.tab.locator("main").get_by_role("link", name="demo", exact=True))
        self.drawn()

    def drawn(self) -> None:
        """Wait for the plot and what follows it."""
        self.tab.wait_for_selector("#scatter[data-linked=true]", timeout=60_000)

    @property
    def slug(self) -> str:
        """Of the comparison that is open."""
        found = SLUG.search(self.tab.url)
        assert found is not None, self.tab.url
        return found["slug"]


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
    for name, text in (("text", "text.jsonl"), ("tokens", "4096"), ("name", "prefix")):
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
    """T9. Without a mouse: search, open a latent, go on to the next, back to the overview."""
    walk.tab.goto(walk.base)
    demo = walk.tab.locator("main").get_by_role("link", name="demo", exact=True).first
    demo.focus()
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
    walk.click(walk.tab.locator("main").get_by_role("link", name="demo", exact=True))
    walk.click(walk.link("Latents"))
    walk.click(walk.tab.locator("[data-field=diagnosis]").get_by_role("link", name=re.compile("^hedged")))
    walk.click("a.index")
    walk.found = (
        f"{walk.tab.locator('li.context').count()} contexts on the latent's page, its plots drawn by the server"
    )


@dataclass(frozen=True)
class Task:
    """A task, where it is done, and the picture of its end."""

    name: str
    do: Callable[[Walk], None]
    options: dict[str, Any] = field(default_factory=dict)


PHONE_OPTIONS = {"viewport": PHONE, "is_mobile": True, "has_touch": True, "device_scale_factor": 2}
TASKS = (
    Task("t1-most-hedged", most_hedged),
    Task("t2-find", find_tokens),
    Task("t3-cells", partner_alone),
    Task("t4-explore", filter_and_send),
    Task("t5-levels", parents),
    Task("t6-text", own_text),
    Task("t7-job", new_comparison),
    Task("t8-pandas", into_pandas),
    Task("t9-phone", most_hedged, PHONE_OPTIONS),
    Task("t9-dark", filter_and_send, {"color_scheme": "dark"}),
    Task("t9-keyboard", by_keyboard),
    Task("t9-no-script", without_script, {"java_script_enabled": False}),
    Task("t10-diff", two_comparisons),
)


def done(browser: Browser, base: str, task: Task) -> dict[str, Any]:
    """Do a task; what it took, or at which step it failed."""
    context = browser.new_context(**{"viewport": DESKTOP, "color_scheme": "light", **task.options})
    walk = Walk(context.new_page(), base)
    started = time.perf_counter()
    problem = ""
    try:
        task.do(walk)
    except Exception as error:  # noqa: BLE001 - a task that fails is a result
        problem = str(error).splitlines()[0]
    took = time.perf_counter() - started
    if not walk.tab.is_closed():
        walk.tab.wait_for_timeout(400)
        picture(browser, f"tour-{task.name}", walk.tab.screenshot())
    context.close()
    says = f"failed: {problem}" if problem else walk.found
    say(f"{task.name}: {walk.clicks} clicks, {walk.keys} keys, {took:.1f} s; {says}")
    return {"name": task.name, "clicks": walk.clicks, "keys": walk.keys, "seconds": took, "found": says}


def front_pictures(browser: Browser, base: str) -> None:
    """The pictures of the README: the overview and the page of its first latent."""
    context = browser.new_context(viewport={"width": 1440, "height": 1250}, color_scheme="light")
    walk = Walk(context.new_page(), base)
    walk.open_demo()
    picture(browser, "overview", walk.tab.screenshot())
    walk.click("table.top tbody a.index")
    walk.tab.wait_for_load_state("networkidle")
    picture(browser, "latent", walk.tab.screenshot())
    context.close()


def picture(browser: Browser, name: str, png: bytes) -> None:
    """A screenshot as WebP, at most 1,000 pixels wide."""
    blank = browser.new_page()
    data: str = blank.evaluate(TO_WEBP, base64.b64encode(png).decode())
    blank.close()
    (DOCS / "images" / f"{name}.webp").write_bytes(base64.b64decode(data))


def markdown(rows: list[dict[str, Any]], loads: tuple[float, float]) -> str:
    """The table, then a picture of each task."""
    words = {task.name: (task.do.__doc__ or "").strip() for task in TASKS}
    cells = [
        (
            one["name"].upper().replace("-", " ", 1),
            str(one["clicks"]),
            str(one["keys"]),
            f"{one['seconds']:.1f}",
            escaped(one["found"]),
        )
        for one in rows
    ]
    pictures = [f"### {words[one['name']]}\n\n![{words[one['name']]}](images/tour-{one['name']}.webp)" for one in rows]
    load = f"Load of the machine (2 cores): {loads[0]:.1f} before, {loads[1]:.1f} after."
    head = table(("task", "clicks", "keys", "seconds", "what was found"), cells)
    return "\n\n".join([load, "\n".join(head), *pictures]) + "\n"


def escaped(text: str) -> str:
    """A text in a cell of a table."""
    return text.replace("|", "\\|").replace("<", "&lt;").replace("\n", " ")


def main() -> None:
    """Do all tasks, write the page."""
    parser = command_line(__doc__)
    parser.add_argument("--url", default="http://127.0.0.1:8000")
    parser.add_argument("--only", nargs="+", help="names of tasks; the page is then left as it is")
    given = parser.parse_args()
    load_before = os.getloadavg()[0]
    program = ensure_browser()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=LAUNCH_ARGUMENTS)
        chosen = [task for task in TASKS if not given.only or task.name in given.only]
        rows = [done(browser, given.url, task) for task in chosen]
        if not given.only:
            front_pictures(browser, given.url)
        browser.close()
    if not given.only:
        place = DOCS / "tour.md"
        text = place.read_text(encoding="utf-8")
        made = markdown(rows, (load_before, os.getloadavg()[0]))
        parts = re.compile(r"(<!-- tour -->\n).*?(<!-- /tour -->)", re.DOTALL)
        place.write_text(parts.sub(lambda match: f"{match[1]}\n{made}\n{match[2]}", text), encoding="utf-8")


if __name__ == "__main__":
    main()

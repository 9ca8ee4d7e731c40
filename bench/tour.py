"""Ten tasks of a reader, done in a real browser: clicks, keys, seconds and pictures.

    python -m bench.tour --url http://127.0.0.1:8000

The server has the comparison `demo`, a worker and a job runner, as `hedgescope demo` starts them, and the bundled text
in its input folder under `text.jsonl`. Writes `docs/images/*.webp` and the
table of `docs/tour.md`.
"""

from __future__ import annotations

import base64
import os
import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, ViewportSize, sync_playwright

from bench.machine import say
from bench.output import command_line, read_results, table, write_results
from bench.walks import (
    Walk,
    by_keyboard,
    filter_and_send,
    find_tokens,
    into_pandas,
    most_hedged,
    new_comparison,
    own_text,
    parents,
    partner_alone,
    two_comparisons,
    without_script,
)
from tests.e2e.browser import ensure_browser
from tests.e2e.conftest import LAUNCH_ARGUMENTS

DOCS = Path(__file__).parents[1] / "docs"
DESKTOP: ViewportSize = {"width": 1440, "height": 900}
TALL: ViewportSize = {"width": 1440, "height": 1250}
"""For pictures that show a latent's verdict and what it rests on."""
PHONE: ViewportSize = {"width": 390, "height": 844}
STEP_S = 120
"""Longest wait for one step: the preflight of a new comparison reads the model."""

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


@dataclass(frozen=True)
class Task:
    """A task, where it is done, and the picture of its end."""

    name: str
    do: Callable[[Walk], None]
    options: dict[str, Any] = field(default_factory=dict)


PHONE_OPTIONS = {"viewport": PHONE, "is_mobile": True, "has_touch": True, "device_scale_factor": 2}
TASKS = (
    Task("t1-most-hedged", most_hedged, {"viewport": TALL}),
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


def done(browser: Browser, base: str, name: str, task: Task) -> dict[str, Any]:
    """Do a task; what it took, or at which step it failed."""
    context = browser.new_context(**{"viewport": DESKTOP, "color_scheme": "light", **task.options})
    context.set_default_timeout(1000 * STEP_S)
    walk = Walk(context.new_page(), base, name)
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


def front_pictures(browser: Browser, base: str, name: str) -> None:
    """The pictures of the README: the overview and the page of its first latent."""
    context = browser.new_context(viewport=TALL, color_scheme="light")
    walk = Walk(context.new_page(), base, name)
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


def markdown(figures: dict[str, Any]) -> str:
    """The table, then a picture of each task."""
    rows = figures["rows"]
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
    before, after = (f"{figures[name]:.1f}" for name in ("load_before", "load_after"))
    load = f"Load of the machine ({os.cpu_count()} cores): {before} before, {after} after."
    head = table(("task", "clicks", "keys", "seconds", "what was found"), cells)
    return "\n\n".join([load, "\n".join(head), *pictures]) + "\n"


def escaped(text: str) -> str:
    """A text in a cell of a table."""
    return text.replace("|", "\\|").replace("<", "&lt;").replace("\n", " ")


def main() -> None:
    """Do all tasks, write the page."""
    parser = command_line(__doc__)
    parser.add_argument("--url", default="http://127.0.0.1:8000")
    parser.add_argument("--name", default="demo", help="of the comparison")
    parser.add_argument("--only", nargs="+", help="names of tasks; the others keep their figures")
    given = parser.parse_args()
    load_before = os.getloadavg()[0]
    program = ensure_browser()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=LAUNCH_ARGUMENTS)
        chosen = [task for task in TASKS if not given.only or task.name in given.only]
        rows = [done(browser, given.url, given.name, task) for task in chosen]
        if not given.only:
            front_pictures(browser, given.url, given.name)
        browser.close()
    before = read_results("tour") or {"rows": []}
    again = {row["name"]: row for row in (*before["rows"], *rows)}
    loads = {"load_before": load_before, "load_after": os.getloadavg()[0]}
    figures = {"rows": [again[task.name] for task in TASKS if task.name in again], **loads}
    write_results("tour", figures)
    place = DOCS / "tour.md"
    parts = re.compile(r"(<!-- tour -->\n).*?(<!-- /tour -->)", re.DOTALL)
    text = parts.sub(lambda match: f"{match[1]}\n{markdown(figures)}\n{match[2]}", place.read_text(encoding="utf-8"))
    place.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()

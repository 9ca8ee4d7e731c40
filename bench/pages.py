"""What pages cost in a browser: weight, first paint and drawing, cold and warm, and the plot with many points.

    python -m bench.wide wide-data 65536 131072                     (comparisons with many latents, made up)
    python -m bench.pages --data DATA --wide wide-data              (DATA: a data folder with a comparison `demo`)

Chromium draws WebGL in software, on the same cores as the server, so times are upper bounds. Weight is what goes over
the network, compressed. Writes `bench/results/pages.json` and `.md`.
"""

from __future__ import annotations

import os
import re
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, BrowserContext, Page, ViewportSize, sync_playwright

from bench.machine import facts, say
from bench.output import command_line, page, table, write_results
from tests.e2e.browser import ensure_browser
from tests.e2e.conftest import LAUNCH_ARGUMENTS

PAGES = (
    "/",
    "/saes",
    "/jobs",
    "/about",
    "/lab",
    "/search?q=not",
    "/compare/new",
    "/c/demo",
    "/c/demo/latents",
    "/c/demo/latents?columns=all",
    "/c/demo/narrow/151",
    "/c/demo/reference/1032",
    "/c/demo/pairs/151/1032",
    "/c/demo/levels",
    "/c/demo/degree",
    "/c/demo/intervention",
    "/c/demo/prompt",
)
FRAME = "() => new Promise((drawn) => requestAnimationFrame(() => setTimeout(drawn)))"
TIMES = """async () => {
  const isPainted = () => performance.getEntriesByName("first-contentful-paint").length;
  for (let k = 0; k < 100 && !isPainted(); k += 1) await new Promise((again) => setTimeout(again, 50));
  const [visit] = performance.getEntriesByType("navigation");
  const paint = performance.getEntriesByName("first-contentful-paint")[0];
  const drawn = performance.getEntriesByName("scatter-drawn")[0];
  return { ttfb: visit.responseStart, paint: paint?.startTime ?? null, drawn: drawn?.startTime ?? visit.loadEventEnd };
}"""
MOVES = 40
DRAWN_MS = 120_000
SIZE: ViewportSize = {"width": 1440, "height": 900}


@contextmanager
def serving(folder: Path) -> Iterator[str]:
    """The address of a dashboard over a data folder."""
    command = [sys.executable, "-m", "app.cli", "serve", "--no-worker", "--port", "0"]
    environment = {**os.environ, "HEDGESCOPE_DATA_DIR": str(folder)}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
        try:
            assert process.stdout is not None
            found = re.search(r"serving (http://127\.0\.0\.1:\d+)/", process.stdout.readline())
            assert found, f"no dashboard over {folder}; does it hold a database?"
            yield found[1]
        finally:
            process.terminate()
            process.wait(30)


def visit(context: BrowserContext, path: str) -> dict[str, float]:
    """One visit of a page in a tab of its own: kB over the network, requests, and milliseconds."""
    tab = context.new_page()
    session = context.new_cdp_session(tab)
    session.send("Network.enable")
    loaded: list[float] = []
    session.on("Network.loadingFinished", lambda event: loaded.append(event["encodedDataLength"]))
    tab.goto(path)
    tab.wait_for_load_state("networkidle")
    if tab.locator("#scatter").count():
        tab.wait_for_selector("#scatter[data-linked=true]", timeout=DRAWN_MS)
    times: dict[str, float] = tab.evaluate(TIMES)
    tab.close()
    return {"kb": sum(loaded) / 1000, "requests": len(loaded), **times}


def cold_and_warm(browser: Browser, server: str, path: str, n_visits: int) -> dict[str, dict[str, float]]:
    """Medians of visits with an empty cache, and of second visits."""
    runs: dict[str, list[dict[str, float]]] = {"cold": [], "warm": []}
    for _ in range(n_visits):
        context = browser.new_context(base_url=server, viewport=SIZE)
        for kind in runs:
            runs[kind].append(visit(context, path))
        context.close()
    return {
        kind: {name: statistics.median(run[name] for run in some) for name in some[0]} for kind, some in runs.items()
    }


def frames(tab: Page, places: list[tuple[float, float]]) -> list[float]:
    """Milliseconds from each move of the mouse to the next frame."""
    found = []
    for place in places:
        started = time.perf_counter()
        tab.mouse.move(*place)
        tab.evaluate(FRAME)
        found.append(1000 * (time.perf_counter() - started))
    return found


def moving(browser: Browser, server: str, path: str) -> dict[str, float]:
    """Hovering over a drawn plot and dragging it: milliseconds a move, median and largest."""
    context = browser.new_context(base_url=server, viewport=SIZE)
    tab = context.new_page()
    tab.goto(path)
    tab.wait_for_selector("#scatter[data-linked=true]", timeout=DRAWN_MS)
    tab.locator("#scatter").scroll_into_view_if_needed()
    box = tab.locator("#scatter .nsewdrag").first.bounding_box()
    assert box is not None
    shares = [(0.2 + 0.6 * k / MOVES, 0.3 + 0.4 * (k * 7 % MOVES) / MOVES) for k in range(MOVES)]
    places = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in shares]
    hover = frames(tab, places)
    tab.select_option("#scatter-drag", "pan")
    tab.wait_for_timeout(3000)
    tab.mouse.move(*places[0])
    tab.mouse.down()
    pan = frames(tab, [(places[0][0] + 5 * k, places[0][1] + 3 * k) for k in range(1, MOVES // 2)])
    tab.mouse.up()
    context.close()
    times = {"hover": hover, "pan": pan}
    return {
        f"{name}_{kind}": of(some)
        for name, some in times.items()
        for kind, of in (("median", statistics.median), ("largest", max))
    }


def markdown(figures: dict[str, Any]) -> str:
    """The figures as Markdown."""
    rows = [row(path, visits) for path, visits in figures["pages"].items()]
    moves = [
        (
            path,
            *(f"{1e-3 * visits['cold'][name]:.2f}" for name in ("paint", "drawn")),
            *(f"{value:.0f}" for value in figures["moving"][path].values()),
        )
        for path, visits in figures["wide"].items()
    ]
    return page(
        f"Medians of {figures['visits']} visits in Chromium; {figures['machine']}; load {figures['load_before']:.1f} "
        f"before and {figures['load_after']:.1f} after; commit {figures['commit']}, {figures['date']}.",
        table(("page", "kB", "requests", "first byte, ms", "first paint", "drawn", "warm: kB", "drawn"), rows),
        table(
            ("plot", "first paint, s", "interactive, s", "hover, ms: median", "largest", "pan, ms: median", "largest"),
            moves,
        ),
    )


def row(path: str, visits: dict[str, dict[str, float]]) -> tuple[str, ...]:
    """One line of the table of pages."""
    cold, warm = visits["cold"], visits["warm"]
    numbers = (cold["kb"], cold["requests"], cold["ttfb"], cold["paint"] or 0, cold["drawn"], warm["kb"], warm["drawn"])
    return f"`{path}`", *(f"{number:,.0f}" for number in numbers)


def measure(browser: Browser, given: Any) -> dict[str, Any]:
    """All figures."""
    found: dict[str, Any] = {"pages": {}, "wide": {}, "moving": {}}
    with serving(given.data) as server:
        for path in PAGES:
            say(path)
            found["pages"][path] = cold_and_warm(browser, server, path, given.visits)
    for folder in given.wide:
        with serving(folder) as server:
            for width in given.widths:
                path, name = f"/c/wide-{width}", f"{width:,} points, {folder.name}"
                say(name)
                found["wide"][name] = cold_and_warm(browser, server, path, given.visits)
                found["moving"][name] = moving(browser, server, path)
    return found


def main() -> None:
    """Measure, print, write."""
    parser = command_line(__doc__)
    parser.add_argument("--data", type=Path, required=True, help="a data folder with a comparison named demo")
    parser.add_argument("--wide", type=Path, nargs="+", default=(), help="data folders that bench.wide made")
    parser.add_argument("--widths", type=int, nargs="+", default=(65_536, 131_072))
    parser.add_argument("--visits", type=int, default=3)
    given = parser.parse_args()
    load_before = os.getloadavg()[0]
    program = ensure_browser()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=LAUNCH_ARGUMENTS)
        found = measure(browser, given)
        browser.close()
    loads = {"load_before": load_before, "load_after": os.getloadavg()[0]}
    figures = {"visits": given.visits, **found, **loads, **facts()}
    write_results("pages", figures, markdown(figures))


if __name__ == "__main__":
    main()

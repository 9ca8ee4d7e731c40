"""The overview's plot in a real browser: WebGL points, clicks, filters, links that show the same."""

from __future__ import annotations

import base64
import re
from urllib.parse import parse_qsl, urlsplit

import httpx
import pytest
from playwright.sync_api import Browser, Page

from tests.e2e.conftest import OpenTab, wait_until_drawn

COUNT_COLOURED = """async (png) => {
  const image = new Image();
  image.src = `data:image/png;base64,${png}`;
  await image.decode();
  const canvas = new OffscreenCanvas(image.width, image.height);
  const context = canvas.getContext("2d");
  context.drawImage(image, 0, 0);
  const { data } = context.getImageData(0, 0, image.width, image.height);
  const seen = new Set();
  let coloured = 0;
  for (let k = 0; k < data.length; k += 4) {
    const [r, g, b] = data.slice(k, k + 3);
    if (Math.max(r, g, b) - Math.min(r, g, b) > 50) {
      coloured += 1;
      seen.add(`${r >> 4},${g >> 4},${b >> 4}`);
    }
  }
  return [coloured, seen.size];
}"""

LONELIEST_POINT = """(plot) => {
  const { xaxis, yaxis } = plot._fullLayout;
  const trace = plot.data.at(-1);
  const box = plot.getBoundingClientRect();
  const points = trace.x.map((x, k) => ({
    index: trace.customdata[k],
    x: box.x + xaxis._offset + xaxis.d2p(x),
    y: box.y + yaxis._offset + yaxis.d2p(trace.y[k]),
  }));
  const gap = (one) => Math.min(...points.filter((p) => p !== one).map((p) => Math.hypot(p.x - one.x, p.y - one.y)));
  return points.reduce((best, one) => (gap(one) > gap(best) ? one : best));
}"""

STATE = """(plot) => ({
  points: plot.data.reduce((sum, trace) => sum + trace.x.length, 0),
  types: [...new Set(plot.data.map((trace) => trace.type))],
  x: plot.layout.xaxis.title.text,
  y: plot.layout.yaxis.title.text,
  colour: plot.data.at(-1).marker.colorbar.title.text,
  range: [...plot._fullLayout.xaxis.range, ...plot._fullLayout.yaxis.range],
})"""


@pytest.fixture
def overview(slugs: dict[str, str]) -> str:
    return f"/c/{slugs['wide']}"


def drawn_state(page: Page) -> dict[str, object]:
    wait_until_drawn(page, "#scatter")
    state: dict[str, object] = page.locator("#scatter").evaluate(STATE)
    return state


def coloured_pixels(page: Page, chromium: Browser) -> tuple[int, int]:
    """Coloured pixels within the axes, and how many colours they have."""
    box = page.locator("#scatter .nsewdrag").first.bounding_box()
    assert box is not None
    png = page.screenshot(clip={"x": box["x"], "y": box["y"], "width": box["width"], "height": box["height"]})
    blank = chromium.new_page()
    coloured, colours = blank.evaluate(COUNT_COLOURED, base64.b64encode(png).decode())
    blank.close()
    return coloured, colours


def test_coloured_points_are_drawn_by_webgl(open_tab: OpenTab, overview: str, chromium: Browser) -> None:
    page = open_tab(overview)
    state = drawn_state(page)
    assert (state["points"], state["types"]) == (144, ["scattergl"])
    page.locator("#scatter").scroll_into_view_if_needed()
    coloured, colours = coloured_pixels(page, chromium)
    # 144 points of 9 pixels across, some upon one another; the hedging score gives them many colours.
    assert coloured > 1500
    assert colours > 8
    count = page.locator("#scatter-count").inner_text()
    left_out = "16 not shown (no value on these axes)"
    assert count == f"144 of 160 latents shown; {left_out}"


def test_a_click_opens_the_latent(open_tab: OpenTab, overview: str) -> None:
    page = open_tab(overview)
    drawn_state(page)
    page.locator("#scatter").scroll_into_view_if_needed()
    page.wait_for_selector("#scatter[data-linked]")
    point = page.locator("#scatter").evaluate(LONELIEST_POINT)
    page.mouse.move(point["x"] - 3, point["y"] - 3)
    page.mouse.move(point["x"], point["y"], steps=3)
    page.wait_for_selector("#scatter-card:not([hidden])")
    hover = page.locator("#scatter-card").text_content() or ""
    assert f"narrow {point['index']}" in hover
    assert "Hedging score: " in hover
    assert "Main partner: reference " in hover
    page.mouse.click(point["x"], point["y"])
    page.wait_for_url(f"**{overview}/narrow/{point['index']}")
    assert re.search(rf"Narrow latent\s+{point['index']}\b", page.locator("h1").inner_text())


def test_a_shared_link_shows_the_same(open_tab: OpenTab, overview: str, server: str) -> None:
    page = open_tab(overview)
    drawn_state(page)
    page.select_option("select[name=x]", "density")
    page.select_option("select[name=color]", "max_jaccard")
    page.locator(".filters summary").click()
    page.fill("input[name=hedging_score__gte]", "0.24")
    page.select_option("select[name=diagnosis]", "hedged")
    page.locator("input[name=hedging_score__gte]").blur()
    state = drawn_state(page)
    query = dict(parse_qsl(urlsplit(page.url).query))
    assert query == {
        "sae": "narrow",
        "x": "density",
        "y": "max_jaccard",
        "color": "max_jaccard",
        "hedging_score__gte": "0.24",
        "diagnosis": "hedged",
    }
    slug = overview.removeprefix("/c/")
    filters = {"sae": "narrow", "hedging_score__gte": "0.24", "diagnosis": "hedged", "limit": "1"}
    answer = httpx.get(f"{server}/api/v1/comparisons/{slug}/latents", params=filters).json()
    assert 0 < answer["total"] < 144
    assert state["points"] == answer["total"]
    assert (state["x"], state["y"]) == ("Density", "Activation overlap")
    afresh = open_tab(page.url)
    assert drawn_state(afresh) == state
    assert afresh.input_value("input[name=hedging_score__gte]") == "0.24"
    afresh.locator("[data-scatter-table]").first.click()
    assert f"{answer['total']} latents" in afresh.locator(".actions output").inner_text()


def test_a_zoom_is_in_the_link(open_tab: OpenTab, overview: str) -> None:
    page = open_tab(f"{overview}?y=n_firings")
    before = drawn_state(page)
    page.locator("#scatter").scroll_into_view_if_needed()
    box = page.locator("#scatter .nsewdrag").first.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + 0.3 * box["width"], box["y"] + 0.2 * box["height"])
    page.mouse.down()
    page.mouse.move(box["x"] + 0.9 * box["width"], box["y"] + 0.8 * box["height"], steps=4)
    page.mouse.up()
    page.wait_for_url("**zoom=**")
    state = drawn_state(page)
    assert state["range"] != before["range"]
    afresh = drawn_state(open_tab(page.url))
    assert afresh["range"] == pytest.approx(state["range"], rel=1e-3)


def test_the_window_becomes_a_filter(open_tab: OpenTab, overview: str) -> None:
    page = open_tab(f"{overview}?zoom=0.8,0.95,0.4,0.7")
    drawn_state(page)
    page.click("#scatter-window")
    page.wait_for_url("**max_decoder_cosine__gte=0.8**")
    state = drawn_state(page)
    assert isinstance(state["points"], int)
    assert 0 < state["points"] < 144


def test_the_other_sae_has_its_own_latents(open_tab: OpenTab, overview: str) -> None:
    page = open_tab(overview)
    drawn_state(page)
    page.select_option("select[name=sae]", "reference")
    page.wait_for_url("**sae=reference&**")
    state = drawn_state(page)
    assert (state["points"], state["colour"]) == (369, "Density")


def test_filters_are_those_of_the_table(open_tab: OpenTab, overview: str, server: str) -> None:
    page = open_tab("/about")
    slug = overview.removeprefix("/c/")
    count = """async ([slug, filters]) => {
      const { passing, fieldOf } = await import("/static/js/filters.js");
      const fields = filters.map(([name]) => fieldOf(name)).join(",");
      const answer = await (await fetch(`/c/${slug}/points.json?fields=${fields}&exact=1`)).json();
      return passing(filters, answer.columns, answer.n).length;
    }"""
    queries = [
        {"hedging_score__gte": "0.24", "hedging_score__lt": "0.28"},
        {"hedging_score__isnull": "1"},
        {"hedging_score__isnull": "0", "n_hedged_partners__gt": "0"},
        {"diagnosis__in": "novel,dead", "density__lte": "0.1"},
        {"diagnosis__ne": "novel", "hedging_score__ne": "0.5"},
        {"n_firings": "0"},
        {"index__in": "1,2,300", "level__eq": "0"},
        {"max_activation__gt": "4.5", "c_dec__lt": "0.11"},
    ]
    for query in queries:
        url = f"{server}/api/v1/comparisons/{slug}/latents"
        total = httpx.get(url, params={"sae": "narrow", "limit": "1", **query}).json()["total"]
        assert page.evaluate(count, [slug, list(query.items())]) == total, query


def test_the_theme_is_kept_and_plots_follow(open_tab: OpenTab, overview: str, chromium: Browser) -> None:
    page = open_tab(overview, color_scheme="light")
    wait_until_drawn(page)
    light = page.evaluate("getComputedStyle(document.documentElement).backgroundColor")
    page.click("#theme")
    page.wait_for_function("() => document.documentElement.dataset.theme === 'dark'")
    page.wait_for_timeout(300)
    dark = page.evaluate("getComputedStyle(document.documentElement).backgroundColor")
    assert dark != light
    assert page.locator("#scatter").evaluate("(plot) => plot.layout.paper_bgcolor") != "rgb(255, 255, 255)"
    page.reload()
    wait_until_drawn(page)
    assert page.evaluate("getComputedStyle(document.documentElement).backgroundColor") == dark
    page.locator("#scatter").scroll_into_view_if_needed()
    assert coloured_pixels(page, chromium)[0] > 1000


def test_the_theme_of_a_link_wins(open_tab: OpenTab) -> None:
    page = open_tab("/about?theme=dark")
    assert page.evaluate("document.documentElement.dataset.theme") == "dark"
    assert page.locator("#theme").inner_text() == "Light theme"


def go_back(page: Page) -> None:
    """Back, until that state has been drawn."""
    page.evaluate("document.getElementById('scatter').removeAttribute('data-drawn')")
    page.go_back()
    drawn_state(page)


def test_nothing_can_be_uploaded(open_tab: OpenTab, overview: str) -> None:
    page = open_tab(overview)
    drawn_state(page)
    titles = page.locator("#scatter .modebar-btn").evaluate_all("(all) => all.map((one) => one.ariaLabel)")
    assert "Download plot as a PNG" in titles
    assert [title for title in titles if "Share" in title or "loud" in title] == []


def test_back_undoes_and_resets_keep_the_rest(open_tab: OpenTab, overview: str) -> None:
    page = open_tab(f"{overview}?density__gte=0.0001")
    drawn_state(page)
    assert page.locator("#scatter-chips").inner_text().startswith("Density ≥ 0.0001")
    page.select_option("select[name=color]", "c_dec")
    drawn_state(page)
    page.click("#scatter-filters")
    drawn_state(page)
    assert "color=c_dec" in page.url
    assert "density__gte" not in page.url
    assert page.locator("#scatter-chips").is_hidden()
    go_back(page)
    assert "density__gte=0.0001" in page.url
    assert drawn_state(page)["colour"] == "c_dec"
    go_back(page)
    assert page.url.endswith(f"{overview}?density__gte=0.0001")


def test_a_browser_of_2022_without_webgl_draws_a_sample(
    open_tab: OpenTab, overview: str, chromium: Browser, server: str
) -> None:
    page = open_tab("/about", viewport={"width": 1280, "height": 900})
    page.add_init_script(
        "for (const name of ['toSorted', 'toReversed', 'toSpliced', 'with']) delete Array.prototype[name];"
        "HTMLCanvasElement.prototype.getContext = () => null;"
    )
    page.goto(overview)
    assert drawn_state(page)["types"] == ["scatter"]
    assert page.locator("#scatter .point").count() == 144


def test_the_answer_comes_first_and_a_shared_view_shows_the_plot(open_tab: OpenTab, overview: str) -> None:
    page = open_tab(overview)
    tops = [
        page.locator(selector).evaluate("(one) => one.getBoundingClientRect().top + scrollY")
        for selector in ("#score-distribution", "table.top", "#scatter")
    ]
    assert tops == sorted(tops)
    assert tops[0] < 900, "the distribution of the scores is on the first screen"
    shared = open_tab(f"{overview}?color=c_dec")
    drawn_state(shared)
    assert shared.evaluate("scrollY") > 200

"""Selecting in the overview's plot: box, lasso, facets, and what follows them."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from playwright.sync_api import Page

from tests.e2e.conftest import OpenTab
from tests.e2e.test_overview import drawn_state

POINTS = """(plot) => {
  const { xaxis, yaxis } = plot._fullLayout;
  const box = plot.getBoundingClientRect();
  return plot.data.flatMap((trace) => trace.x.map((x, k) => [
    trace.customdata[k], box.x + xaxis._offset + xaxis.d2p(x), box.y + yaxis._offset + yaxis.d2p(trace.y[k]),
  ]));
}"""
INSIDE = [(0.25, 0.2), (0.75, 0.25), (0.8, 0.85), (0.5, 0.5), (0.2, 0.8)]
"""Corners of the lasso, as shares of the plot's width and height."""


@pytest.fixture
def overview(slugs: dict[str, str]) -> str:
    return f"/c/{slugs['wide']}"


def drag(page: Page, tool: str, shares: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """Drag with a tool over points of the plot, given as shares of its size; the pixels passed."""
    drawn_state(page)
    page.select_option("#scatter-drag", tool)
    page.locator("#scatter").scroll_into_view_if_needed()
    page.wait_for_timeout(300)
    box = page.locator("#scatter .nsewdrag").first.bounding_box()
    assert box is not None
    path = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in shares]
    page.mouse.move(*path[0])
    page.mouse.down()
    for place in path[1:]:
        page.mouse.move(*place, steps=6)
    page.mouse.up()
    return path


def shown(page: Page) -> set[int]:
    """Indices of the latents that are drawn."""
    drawn_state(page)
    found: list[list[float]] = page.locator("#scatter").evaluate(POINTS)
    return {int(index) for index, _, _ in found}


def surrounded(points: list[list[float]], path: list[tuple[float, float]], margin: float) -> tuple[set[int], set[int]]:
    """Points surely within a polygon of pixels, and those that may be: a margin's width from its edge."""
    sure, maybe = set(), set()
    for index, x, y in points:
        inside = [is_within(x + dx, y + dy, path) for dx in (-margin, 0, margin) for dy in (-margin, 0, margin)]
        if all(inside):
            sure.add(int(index))
        if any(inside):
            maybe.add(int(index))
    return sure, maybe


def is_within(x: float, y: float, path: list[tuple[float, float]]) -> bool:
    odd = False
    for (x1, y1), (x2, y2) in zip(path, path[1:] + path[:1], strict=True):
        if (y1 > y) != (y2 > y) and x < (x2 - x1) * (y - y1) / (y2 - y1) + x1:
            odd = not odd
    return odd


@pytest.mark.parametrize("axes", ["", "?x=density&y=n_firings", "?x=max_decoder_cosine&y=max_activation"])
def test_a_lasso_becomes_a_filter(open_tab: OpenTab, overview: str, server: str, axes: str) -> None:
    page = open_tab(f"{overview}{axes}")
    drawn_state(page)
    before = page.locator("#scatter").evaluate("(plot) => plot.data.at(-1).marker.cmax")
    page.locator("#scatter").scroll_into_view_if_needed()
    page.wait_for_timeout(200)
    points = page.locator("#scatter").evaluate(POINTS)
    all_shown = shown(page)
    path = drag(page, "lasso", INSIDE)
    page.wait_for_url("**__inside=**")
    found = shown(page)
    sure, maybe = surrounded(points, path, 3)
    assert sure <= found <= maybe
    assert found < all_shown
    assert page.locator("#scatter").evaluate("(plot) => plot.data.at(-1).marker.cmax") == before
    chips = page.locator("#scatter-chips").inner_text()
    assert "in a lasso of" in chips
    query = {name: values[0] for name, values in parse_qs(urlsplit(page.url).query).items()}
    lasso = {name: text for name, text in query.items() if name.endswith("__inside")}
    answer = httpx.get(
        f"{server}/api/v1{overview.replace('/c/', '/comparisons/')}/latents", params={**lasso, "limit": "500"}
    )
    assert found <= {item["index"] for item in answer.json()["items"]}
    assert shown(open_tab(page.url)) == found
    page.evaluate("delete document.getElementById('scatter').dataset.drawn")
    page.go_back()
    assert shown(page) == all_shown
    assert page.locator("#scatter-chips").is_hidden()


def test_a_box_becomes_a_filter_of_the_table(open_tab: OpenTab, overview: str) -> None:
    page = open_tab(overview)
    drag(page, "select", [(0.3, 0.2), (0.7, 0.8)])
    page.wait_for_url("**max_decoder_cosine__gte=**")
    found = shown(page)
    assert 0 < len(found) < 144
    assert page.locator("#scatter-chips li").count() == 4
    page.locator("[data-scatter-table]").last.click()
    assert f"{len(found)} latents" in page.locator(".actions output").inner_text()


def test_table_and_histograms_follow_the_selection(open_tab: OpenTab, overview: str) -> None:
    page = open_tab(f"{overview}?size=density")
    page.wait_for_selector("#scatter[data-linked]")
    rows = page.locator("#scatter-rows tbody tr")
    scores = [float(text) for text in page.locator("#scatter-rows td:nth-child(3)").all_inner_texts()]
    assert rows.count() == 12
    assert scores == sorted(scores, reverse=True)
    assert page.locator("#scatter-rows thead").inner_text().strip().split("\t")[-2:] == ["Density", "Main partner"]
    assert page.locator("#scatter-histograms figcaption").all_inner_texts() == [
        "Decoder cosine",
        "Activation overlap",
        "Hedging score",
        "Density",
    ]
    bars = page.locator("#scatter-histograms path").evaluate_all("(all) => all.map((one) => one.getAttribute('d'))")
    page.locator("[data-facet=diagnosis]").last.click()
    page.wait_for_selector("#scatter[data-linked]")
    after = page.locator("#scatter-histograms path").evaluate_all("(all) => all.map((one) => one.getAttribute('d'))")
    assert [was == now for was, now in zip(bars, after, strict=True)] == [True, False] * 4
    assert "diagnosis=" in page.url


def test_facets_count_and_choose(open_tab: OpenTab, overview: str, server: str) -> None:
    page = open_tab(overview)
    page.wait_for_selector("#scatter[data-linked]")
    url = f"{server}/api/v1{overview.replace('/c/', '/comparisons/')}/latents"
    facets = httpx.get(url, params={"facets": "diagnosis", "limit": "1"}).json()["facets"]["diagnosis"]
    expected = [f"{one['value'] or 'undefined'} {one['count']}" for one in facets]
    links = page.locator("[data-field=diagnosis] a")
    assert links.all_inner_texts() == expected
    first = facets[0]
    links.first.click()
    page.wait_for_selector("#scatter[data-linked]")
    assert links.first.get_attribute("aria-current") == "true"
    assert links.all_inner_texts() == expected, "the other values can still be chosen"
    assert page.locator("#scatter-count").inner_text().startswith(f"{len(shown(page))} of 160")
    page.select_option("select[name=color]", "c_dec")
    page.wait_for_selector("#scatter[data-linked]")
    assert page.locator("#scatter-chips").inner_text() == f"Diagnosis is {first['value']} ×"
    without_script = open_tab(page.url, java_script_enabled=False)
    chosen = without_script.locator("[data-field=diagnosis] a[aria-current]")
    assert chosen.inner_text() == expected[0]
    chosen.click()
    assert "diagnosis" not in without_script.url


def test_a_row_lights_its_point_and_a_point_its_row(open_tab: OpenTab, overview: str) -> None:
    page = open_tab(overview)
    page.wait_for_selector("#scatter[data-linked]")
    page.locator("#scatter").scroll_into_view_if_needed()
    row = page.locator("#scatter-rows tbody tr").first
    index = int(row.get_attribute("data-row") or "-1")
    row.locator("a").first.focus()
    page.wait_for_timeout(100)
    ring = page.locator("#scatter-ring").bounding_box()
    points = {int(one[0]): one[1:] for one in page.locator("#scatter").evaluate(POINTS)}
    assert ring is not None
    centre = (ring["x"] + ring["width"] / 2, ring["y"] + ring["height"] / 2)
    assert centre == pytest.approx(points[index], abs=1.5)


def test_markup_in_a_label_is_text(open_tab: OpenTab, slugs: dict[str, str]) -> None:
    page = open_tab(f"/c/{slugs['tiny']}?sae=reference&index__lte=2&color=c_dec")
    page.wait_for_selector("#scatter[data-linked]")
    labels = page.locator("#scatter-rows bdi").all_inner_texts()
    assert any("<script> alert(1) </script>" in label for label in labels)
    page.locator("#scatter").scroll_into_view_if_needed()
    page.wait_for_timeout(200)
    point = next(one for one in page.locator("#scatter").evaluate(POINTS) if one[0] == 0)
    page.mouse.move(point[1] - 2, point[2] - 2)
    page.mouse.move(point[1], point[2], steps=3)
    page.wait_for_selector("#scatter-card:not([hidden])")
    assert page.locator("#scatter-card script").count() == 0


def test_the_size_is_in_the_link(open_tab: OpenTab, overview: str) -> None:
    page = open_tab(overview)
    drawn_state(page)
    page.select_option("select[name=size]", "density")
    drawn_state(page)
    assert "size=density" in page.url
    sizes = open_tab(page.url)
    drawn_state(sizes)
    found = sizes.locator("#scatter").evaluate("(plot) => [plot.data.at(-1).x.length, plot.data.at(-1).marker.size]")
    assert len(found[1]) == found[0]
    assert max(found[1]) <= 15
    assert min(found[1]) >= 3
    assert len(set(found[1])) > 20


def test_keys_go_along_the_table_and_open_a_latent(open_tab: OpenTab, overview: str) -> None:
    page = open_tab(f"{overview}/latents?limit=3&sort=diagnosis,-density")
    links = [link.get_attribute("href") for link in page.locator("a.index").all()]
    for key, place in (("j", 0), ("j", 1), ("j", 2), ("k", 1)):
        page.keyboard.press(key)
        assert page.evaluate("document.activeElement.getAttribute('href')") == links[place]
    page.keyboard.press("j")
    page.keyboard.press("j")
    page.wait_for_url("**start=3**")
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    page.wait_for_url("**/narrow/**sort=diagnosis,-density")


def test_columns_are_chosen_by_boxes(open_tab: OpenTab, overview: str) -> None:
    page = open_tab(f"{overview}/latents?density__gte=0", java_script_enabled=False)
    page.get_by_text("Choose columns").click()
    checked = page.locator("form.columns input:checked")
    while checked.count():
        checked.first.uncheck()
    page.get_by_label("c_dec").check()
    page.get_by_label("Fires on", exact=True).check()
    page.get_by_role("button", name="Show these").click()
    assert page.locator("table.latents thead th").count() == 3
    assert "fields=label,c_dec" in page.url
    assert "density__gte=0" in page.url

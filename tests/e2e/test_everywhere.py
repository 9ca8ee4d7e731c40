"""Every page, at the width of a phone and without JavaScript."""

from __future__ import annotations

import httpx
from playwright.sync_api import Page

from tests.e2e.conftest import OpenTab, wait_until_drawn
from tests.page_paths import missed

PHONE = {"width": 390, "height": 844}


def paths_of(slug: str) -> list[str]:
    below = [
        "",
        "/latents?columns=all",
        "/random?sae=reference",
        "/narrow/0",
        "/narrow/5",
        "/narrow/0?cell=both&length=whole",
        "/narrow/0?cell=mixed_in_without_main",
        "/narrow/0?cell=activation",
        "/reference/2",
        "/pairs/0/0",
        "/pairs/1/40",
        "/levels",
        "/levels?latent=3",
        "/degree",
        "/intervention",
        "/prompt",
    ]
    elsewhere = [
        "/",
        "/saes",
        "/saes/of/tiny-matryoshka",
        "/diff",
        f"/lists?title=Mine&item={slug}/narrow/0+a+note&item=gone/narrow/1",
        f"/diff/{slug}/{slug}",
        "/search?q=a",
        "/saes/new",
        "/compare/new",
        "/jobs",
        "/jobs/1",
        "/about",
        "/lab",
        "/validation",
        "/nowhere",
    ]
    return [*elsewhere, *(f"/c/{slug}{path}" for path in below)]


def test_no_page_is_forgotten() -> None:
    assert missed(paths_of("tiny")) == []


def overflow(page: Page) -> int:
    """Pixels that the page is wider than the screen."""
    width: int = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    return width


def test_no_page_is_wider_than_a_phone(open_tab: OpenTab, slugs: dict[str, str], complaints: list[str]) -> None:
    page = open_tab("about:blank", viewport=PHONE)
    for path in paths_of(slugs["tiny"]):
        page.goto(path)
        wait_until_drawn(page)
        assert overflow(page) == 0, path
    # The error page is itself an error to the console.
    assert [text for text in complaints if "404" not in text] == []
    complaints.clear()


def test_pages_are_whole_without_javascript(open_tab: OpenTab, slugs: dict[str, str]) -> None:
    slug = slugs["tiny"]
    page = open_tab(f"/c/{slug}", java_script_enabled=False)
    assert page.locator("table.top tbody tr").count() == 10
    assert "needs JavaScript" in page.locator("#scatter").inner_text()
    page.locator(".filters summary").click()
    page.fill("input[name=hedging_score__gte]", "0.5")
    page.get_by_role("button", name="Apply").click()
    assert "hedging_score__gte=0.5" in page.url
    assert "density" not in page.url
    page.goto(f"/c/{slug}/latents")
    page.locator("select[name=diagnosis]").select_option("hedged")
    page.get_by_role("button", name="Filter").click()
    badges = page.locator("td.diagnosis").all_inner_texts()
    assert badges
    assert set(badges) == {"hedged"}
    page.locator("a.index").first.click()
    assert page.locator("li.context").count() > 3


def test_contexts_can_show_one_latent_or_the_other(open_tab: OpenTab, slugs: dict[str, str]) -> None:
    page = open_tab(f"/c/{slugs['tiny']}/pairs/0/0")
    token = page.locator(".tok.centre").first
    style = "(token) => [getComputedStyle(token).backgroundColor, getComputedStyle(token).boxShadow]"
    background, shadow = token.evaluate(style)
    page.get_by_label("reference 0", exact=True).check()
    hidden, _ = token.evaluate(style)
    assert hidden == "rgba(0, 0, 0, 0)" != background
    page.get_by_label("narrow 0", exact=True).check()
    assert token.evaluate(style) == [background, "none"]
    assert shadow != "none"
    assert page.url.endswith("?highlight=latent")


def test_partners_are_marked_and_unmarked_by_links(open_tab: OpenTab, slugs: dict[str, str]) -> None:
    page = open_tab(f"/c/{slugs['tiny']}/narrow/0?cell=both", java_script_enabled=False)
    assert page.locator(".contexts .m1").count() > 0
    styles = {
        page.locator(f".choice-line .m{n}").first.evaluate("(one) => getComputedStyle(one).borderBottomStyle")
        for n in (1, 2)
    }
    assert styles == {"solid", "dashed"}
    page.locator(".choice-line a[aria-current]:has(.m1)").click()
    assert "cell=both" in page.url
    assert page.url.endswith("#contexts")
    assert page.locator(".contexts .m2").count() == 0
    page.get_by_role("link", name="This without main").click()
    assert "cell=without_main" in page.url
    assert "mark=" in page.url


def test_rows_are_sent_to_the_text_box(open_tab: OpenTab, slugs: dict[str, str]) -> None:
    page = open_tab(f"/c/{slugs['tiny']}/narrow/0")
    page.get_by_role("button", name="try").first.click()
    sent = page.locator("#prompt-text").input_value()
    context = httpx.get(page.url.replace("/narrow/0", "/narrow/0.json")).json()["contexts"]["groups"][0]["contexts"][0]
    row = [*context["before"], context["centre"], *context["after"]]
    # The box makes one line break of each kind of them; what can't be seen is left out.
    visible = "".join(filter(str.isalnum, "".join(token["text"] for token in row)))
    assert visible
    assert "".join(filter(str.isalnum, sent)) == visible


def test_colours_mean_the_same_sae_on_every_page(open_tab: OpenTab, slugs: dict[str, str]) -> None:
    """Tokens are orange where the narrow latent fires, blue for the reference: on both SAEs' pages."""
    page = open_tab(f"/c/{slugs['tiny']}/narrow/0")
    style = (
        "(one) => [getComputedStyle(one).getPropertyValue('--hl'), getComputedStyle(one).getPropertyValue('--hl-2')]"
    )
    of_narrow = page.locator(".contexts .tok").first.evaluate(style)
    page.goto(f"/c/{slugs['tiny']}/reference/0")
    of_reference = page.locator(".contexts .tok").first.evaluate(style)
    root = "(name) => getComputedStyle(document.documentElement).getPropertyValue(name)"
    assert of_narrow == [page.evaluate(root, name) for name in ("--hl-narrow", "--line-reference")]
    assert of_reference == [page.evaluate(root, name) for name in ("--hl-reference", "--line-narrow")]


def test_a_printed_page_is_whole(open_tab: OpenTab, slugs: dict[str, str]) -> None:
    """Plots and tables end within the paper, and colours are those of the light theme."""
    page = open_tab(f"/c/{slugs['tiny']}/narrow/0", viewport={"width": 718, "height": 1000}, color_scheme="dark")
    page.emulate_media(media="print", color_scheme="dark")
    cut = """() => [...document.querySelectorAll("table.partners td, .chart rect")]
      .filter((one) => one.getBoundingClientRect().right > innerWidth).length"""
    assert page.locator("table.partners td").count() > 10
    assert page.evaluate(cut) == 0
    assert page.evaluate("getComputedStyle(document.documentElement).color") == "rgb(28, 33, 39)"
    assert [page.locator(part).first.is_visible() for part in (".tabs", ".steps", ".prompt-box", "header.site")] == [
        False
    ] * 4


def test_tabs_stay_in_one_row_on_a_phone(open_tab: OpenTab, slugs: dict[str, str]) -> None:
    page = open_tab(f"/c/{slugs['tiny']}/levels", viewport=PHONE)
    tops = page.locator(".tabs a").evaluate_all("(all) => all.map((one) => one.getBoundingClientRect().top)")
    assert len(set(tops)) == 1
    assert overflow(page) == 0


def test_the_page_works_by_keyboard(open_tab: OpenTab, slugs: dict[str, str]) -> None:
    page = open_tab(f"/c/{slugs['tiny']}/latents")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.keyboard.press("Enter")
    assert page.url.endswith("#main")


def test_an_embedded_page_opens_links_outside(open_tab: OpenTab, slugs: dict[str, str]) -> None:
    page = open_tab(f"/c/{slugs['tiny']}/narrow/0?embed=1")
    wait_until_drawn(page)
    page.locator("details:has(table.partners) > summary").click()
    with page.context.expect_page() as opened:
        page.locator("table.partners tbody a").first.click()
    assert "/reference/" in opened.value.url


def test_the_search_box_suggests_and_opens_by_keyboard(open_tab: OpenTab, slugs: dict[str, str]) -> None:
    page = open_tab(f"/c/{slugs['tiny']}/levels")
    page.keyboard.press("/")
    page.keyboard.type("#5")
    page.locator("#find-list [role=option]").first.wait_for()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    page.wait_for_url("**/narrow/5")
    page.keyboard.press("j")
    page.wait_for_url("**/narrow/6")
    page.keyboard.press("g")
    page.keyboard.press("l")
    page.wait_for_url("**/latents")
    page.keyboard.press("?")
    assert page.locator("#keys").is_visible()


def test_the_search_box_works_without_javascript(open_tab: OpenTab, slugs: dict[str, str]) -> None:
    page = open_tab(f"/c/{slugs['tiny']}/levels", java_script_enabled=False)
    page.fill("#find", "#5")
    page.press("#find", "Enter")
    page.locator(".hits a").first.click()
    assert page.url.endswith("/narrow/5")

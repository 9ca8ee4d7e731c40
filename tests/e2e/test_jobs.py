"""A comparison asked for in the browser: followed live, cancelled, resumed, read; the worker is another process."""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect
from pydantic import SecretStr

from app.inference.client import fixed
from app.inference.server.run import make_app
from app.sae.load import load_sae
from app.settings import Settings
from app.store.session import make_engine, upgrade
from app.store.write import register_sae
from app.web.main import create_app
from tests.e2e.conftest import OpenTab, served
from tests.e2e.test_everywhere import PHONE, overflow
from tests.jobs import driver
from tests.pipeline.world import make_activations, make_world, save_activations

SECRET = "a secret for tests"
N_ROWS = 40
SLOWLY_S = 0.2
"""For each row, so that the browser meets the job at work."""
PATIENCE_MS = 180_000
BAR_IS_BEYOND = "(share) => document.querySelector('progress').value > share"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a server with two registered SAEs, two files in its input folder, and a worker."""
    folder = tmp_path_factory.mktemp("data")
    settings = Settings(data_dir=folder)
    upgrade(settings.resolved_database_url)
    engine = make_engine(settings.resolved_database_url)
    (folder / "input").mkdir()
    world = make_world(folder / "input")
    for name, source in (("narrow", world.narrow), ("reference", world.reference)):
        register_sae(engine, load_sae(str(source), name=name).record)
    for seed in (1, 2):
        acts, _ = make_activations(N_ROWS * 128, seed=seed)
        save_activations(folder / "input" / f"acts-{seed}.safetensors", acts)
    context = multiprocessing.get_context("forkserver")
    options = {"lease_s": 5.0, "slowly_s": SLOWLY_S}
    worker = context.Process(target=driver.work, args=(settings.resolved_database_url, folder), kwargs=options)
    worker.start()
    for address in served(make_app(settings, engine, SECRET)):
        yield from served(create_app(settings, engine, fixed(address, SecretStr(SECRET))))
    worker.kill()
    worker.join()
    engine.dispose()


def ask(page: Page, name: str, file: str) -> None:
    """Fill in the form and send it."""
    page.locator("select[name=narrow]").select_option("narrow")
    page.locator("select[name=reference]").select_option("reference")
    page.fill("input[name=activations]", file)
    page.fill("input[name=name]", name)
    page.get_by_role("button", name="Start comparison").click()


def start(page: Page, name: str, file: str) -> None:
    """Send the form, read what the preflight notes, and start it."""
    ask(page, name, file)
    page.get_by_role("status", name="Preflight").wait_for(timeout=PATIENCE_MS)
    page.get_by_role("button", name="Start comparison").click()


def badge(page: Page) -> str:
    return page.locator(".head .badge").inner_text()


def test_asked_for_followed_and_read(open_tab: OpenTab) -> None:
    page = open_tab("/compare/new")
    start(page, "browser", "acts-1.safetensors")
    page.wait_for_url("**/jobs/*")
    expect(page.locator("#follow")).to_have_text("Live.", timeout=PATIENCE_MS)
    page.evaluate("window.isTheSamePage = true")
    page.wait_for_function(BAR_IS_BEYOND, arg=0.1, timeout=PATIENCE_MS)
    assert badge(page) == "running"
    assert page.locator("[data-field=workers]").inner_text() == "1"
    assert page.locator("[data-field=done]").inner_text().endswith(" of 5,120 tokens")
    page.wait_for_function(BAR_IS_BEYOND, arg=0.3, timeout=PATIENCE_MS)
    assert page.locator("[data-field=rate]").inner_text().endswith(" tokens/s")
    assert page.evaluate("window.isTheSamePage"), "it is followed, not loaded again"
    result = page.get_by_role("link", name="Open the comparison")
    result.wait_for(timeout=PATIENCE_MS)
    assert badge(page) == "done"
    assert page.get_by_role("button").filter(has_text="Cancel").count() == 0
    result.click()
    assert "/c/browser-" in page.url
    page.goto("/jobs")
    assert page.locator("tbody tr").first.locator(".badge").inner_text() == "done"


def test_cancelled_and_resumed(open_tab: OpenTab) -> None:
    page = open_tab("/compare/new")
    start(page, "again", "acts-2.safetensors")
    page.wait_for_function(BAR_IS_BEYOND, arg=0.1, timeout=PATIENCE_MS)
    page.get_by_role("button", name="Cancel").click()
    resume = page.get_by_role("button", name="Resume")
    resume.wait_for(timeout=PATIENCE_MS)
    assert badge(page) == "cancelled"
    resume.click()
    expect(page.locator("#follow")).to_have_text("Live.", timeout=PATIENCE_MS)
    page.get_by_role("link", name="Open the comparison").wait_for(timeout=PATIENCE_MS)
    assert badge(page) == "done"


def test_what_is_wrong_is_said_on_the_form_and_on_the_job(open_tab: OpenTab, complaints: list[str]) -> None:
    page = open_tab("/compare/new")
    ask(page, "missing", "nowhere.safetensors")
    report = page.get_by_role("status", name="Preflight")
    report.wait_for(timeout=PATIENCE_MS)
    assert "It can't run" in report.inner_text()
    assert "nowhere.safetensors: " in report.inner_text()
    assert "/compare/new" in page.url
    page.evaluate("document.querySelector('form.ask').noValidate = true")
    ask(page, "Not a name", "acts-1.safetensors")
    assert "Not a name" in page.locator(".notice").inner_text()
    assert page.locator("input[name=activations]").input_value() == "acts-1.safetensors"
    # The answer to a wrong form is itself an error to the console.
    assert [text for text in complaints if "400" not in text] == []
    complaints.clear()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_page_of_jobs_is_wider_than_a_phone(open_tab: OpenTab, scheme: str) -> None:
    page = open_tab("/compare/new", viewport=PHONE, color_scheme=scheme)
    for path in ("/compare/new", "/saes/new", "/jobs", "/jobs/1", "/jobs/2"):
        page.goto(path)
        assert overflow(page) == 0, path

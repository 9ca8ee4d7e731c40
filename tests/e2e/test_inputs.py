"""An SAE of one's own in the browser: uploaded, checked and registered; chosen files; all of it without scripts too."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Page
from pydantic import SecretStr

from app.inference.client import fixed
from app.inference.server.run import make_app
from app.jobs.queue import list_jobs
from app.settings import Settings
from app.store.session import make_engine, upgrade
from app.web.main import create_app
from tests.activations.tiny_model import D_MODEL
from tests.e2e.conftest import OpenTab, served
from tests.e2e.test_everywhere import PHONE, overflow
from tests.pipeline.test_with_model import HOOK, START, save_model
from tests.pipeline.world import make_tokenizer
from tests.saved_saes import save_sae

SECRET = "a secret for tests"
PATIENCE_MS = 180_000


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data folder: its input folder has a model, a text, and an SAE without a layer."""
    folder = tmp_path_factory.mktemp("data")
    inputs = folder / "input"
    inputs.mkdir()
    save_model(inputs / "models" / "tiny", make_tokenizer(bos_token=START))
    (inputs / "my text.jsonl").write_text("\n".join(json.dumps({"text": "w1 w2 w3 " * 40}) for _ in range(30)))
    named: dict[str, Any] = {"d_in": D_MODEL, "model_name": "models/tiny"}
    save_sae(inputs / "lost", hook_name="model.layers.99", **named)
    save_sae(folder / "own", "jumprelu", hook_name=HOOK, **named)
    return folder


@pytest.fixture(scope="module")
def server(data: Path) -> Iterator[str]:
    settings = Settings(data_dir=data)
    upgrade(settings.resolved_database_url)
    engine = make_engine(settings.resolved_database_url)
    for address in served(make_app(settings, engine, SECRET)):
        yield from served(create_app(settings, engine, fixed(address, SecretStr(SECRET))))
    engine.dispose()


@pytest.mark.parametrize("scripts", [True, False])
def test_an_sae_is_uploaded_checked_and_registered(open_tab: OpenTab, data: Path, scripts: bool) -> None:
    page = open_tab("/saes/new", java_script_enabled=scripts)
    name = f"own-{'with' if scripts else 'without'}-scripts"
    form = page.locator("form[enctype]")
    form.locator("input[name=name]").fill(name)
    form.locator("input[name=files]").set_input_files(sorted((data / "own").iterdir()))
    form.get_by_role("button", name="Upload").click()
    page.wait_for_url(f"**/saes/new?source={name}&name={name}")
    page.get_by_role("button", name="Check only").click()
    said = report(page)
    assert "It can run" in said
    assert "Time" in said
    assert "free" in said
    # It was trained on nothing: its reconstruction is poor, which has to be seen before it is registered.
    assert "explains only" in said
    page.get_by_role("button", name="Register").click()
    page.wait_for_url("**/jobs/*")
    assert page.locator("h1").inner_text().endswith(name)


def report(page: Page) -> str:
    found = page.get_by_role("status", name="Preflight")
    found.wait_for(timeout=PATIENCE_MS)
    return found.inner_text()


def test_what_the_preflight_refuses_is_no_job(open_tab: OpenTab, data: Path, complaints: list[str]) -> None:
    page = open_tab("/saes/new")
    engine = make_engine(Settings(data_dir=data).resolved_database_url)
    before = len(list_jobs(engine, limit=99))
    page.locator("form.ask").first.locator("input[name=source]").fill("nowhere/at all")
    page.get_by_role("button", name="Register").click()
    assert "It can't run" in report(page)
    assert len(list_jobs(engine, limit=99)) == before
    engine.dispose()
    assert [text for text in complaints if "400" not in text] == []
    complaints.clear()


def test_notes_are_seen_before_it_starts(open_tab: OpenTab) -> None:
    page = open_tab("/saes/new?source=lost")
    page.get_by_role("button", name="Register").click()
    assert "not tried on text" in report(page)
    assert "/saes/new" in page.url
    page.get_by_role("button", name="Register").click()
    page.wait_for_url("**/jobs/*")


def test_files_are_offered(open_tab: OpenTab) -> None:
    page = open_tab("/compare/new")
    offered = page.locator("datalist#texts option").evaluate_all("each => each.map(option => option.value)")
    assert offered == ["my text.jsonl"]
    assert page.locator("input[name=text]").get_attribute("list") == "texts"
    page.goto("/saes/new")
    page.get_by_role("link", name="lost").click()
    assert page.locator("form.ask").first.locator("input[name=source]").input_value() == "lost"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_form_is_wider_than_a_phone(open_tab: OpenTab, scheme: str) -> None:
    page = open_tab("/saes/new", viewport=PHONE, color_scheme=scheme)
    assert overflow(page) == 0
    page.locator("form.ask").first.locator("input[name=source]").fill("lost")
    page.get_by_role("button", name="Check only").click()
    report(page)
    assert overflow(page) == 0


def test_the_api_refuses_what_the_preflight_refuses(server: str) -> None:
    wanted = {"kind": "sae", "source": "nowhere/at all"}
    looked = httpx.post(f"{server}/api/v1/jobs/preflight", json=wanted, timeout=60)
    assert looked.status_code == 200
    assert "there is no such file or folder in the input folder" in looked.json()["refused"]
    refused = httpx.post(f"{server}/api/v1/jobs", json=wanted, timeout=60)
    assert (refused.status_code, refused.json()["type"].rpartition(":")[2]) == (400, "preflight")
    assert refused.json()["detail"] == looked.json()["refused"]
    accepted = httpx.post(f"{server}/api/v1/jobs", json={"kind": "sae", "source": "lost"}, timeout=60)
    assert accepted.status_code == 201

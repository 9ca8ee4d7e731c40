"""What the forms and the API refuse before a job waits, and in which words."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine
from starlette.testclient import TestClient

from app.settings import Settings
from app.store.session import make_engine, upgrade
from app.web.main import create_app
from tests.local_client import local_client

ASKED = {"narrow": "one", "reference": "two", "tokens": 1000, "name": "mine"}


@pytest.fixture
def site(tmp_path: Path) -> Iterator[tuple[Settings, Engine]]:
    settings = Settings(data_dir=tmp_path)
    upgrade(settings.resolved_database_url)
    engine = make_engine(settings.resolved_database_url)
    yield settings, engine
    engine.dispose()


@pytest.fixture
def client(site: tuple[Settings, Engine]) -> TestClient:
    return local_client(create_app(*site), follow_redirects=False)


@pytest.mark.parametrize("path", ["/etc/passwd", "~/saes/mine", "/tmp/folder/copy512"])
def test_a_path_outside_the_input_folder_is_refused_as_it_was_typed(client: TestClient, path: str) -> None:
    form = client.post("/saes/new", data={"source": path})
    assert form.status_code == 400
    words = f"source is &#39;{path}&#39;; expected a path in the input folder (HEDGESCOPE_INPUT_DIR)"
    assert words in form.text
    api = client.post("/api/v1/jobs", json={**ASKED, "text": path})
    assert (api.status_code, api.json()["parameter"]) == (400, "text")
    assert client.get("/api/v1/jobs").json()["items"] == []


def test_a_path_within_the_input_folder_is_accepted(client: TestClient, site: tuple[Settings, Engine]) -> None:
    inside = site[0].resolved_input_dir / "copy512"
    assert client.post("/saes/new", data={"source": str(inside)}).status_code == 303


def test_a_wrong_name_is_explained_in_words(client: TestClient) -> None:
    answer = client.post("/compare/new", data={"narrow": "one", "reference": "two", "name": "UX Test"})
    assert answer.status_code == 400
    assert "name is &#39;UX Test&#39;; expected lower-case letters, digits" in answer.text
    assert "^[a-z" not in answer.text
